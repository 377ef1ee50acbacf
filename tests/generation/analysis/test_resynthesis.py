from pathlib import Path
from types import SimpleNamespace

import pytest

from wavcube.data.clip import Clip
from wavcube.errors import DataError
from wavcube.evaluation.metrics import Pair
from wavcube.generation.analysis.resynthesis import resynthesise
from wavcube.generation.flow.feature_codec import FeatureCodec
from wavcube.generation.tts.training import sample_metrics as sample_metrics
from wavcube.generation.tts.training.config import CorpusSettings, SampleSettings
from wavcube.generation.tts.training.dataset import read_corpora
from wavcube.generation.tts.training.samples import sentences


class Ear:
    """Stands in for an ASR model: remembers what it is given."""

    def __init__(self) -> None:
        self.pairs: list[Pair] = []
        self.quantities = [
            SimpleNamespace(name="wer", ratio=None),
            SimpleNamespace(name="wer_corpus", ratio=("e", "w")),
        ]

    def __call__(self, pair: Pair) -> SimpleNamespace:
        self.pairs.append(pair)
        return SimpleNamespace(values={"wer": 10.0 * len(self.pairs), "e": 1.0, "w": 10.0})


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    ear = Ear()
    monkeypatch.setattr(sample_metrics, "choose_metrics", lambda *_: SimpleNamespace(metrics=[ear], skipped={}))
    return ear


def test_true_recordings_go_through_the_representation_and_are_measured(
    ear: Ear, manifest: Path, latents: FeatureCodec
) -> None:
    utterances = read_corpora([CorpusSettings(path=str(manifest))])
    fit = [u for u in utterances if u.seconds <= 10 and len(u.transcript.split()) >= 4]
    assert len(fit) >= 3
    found = resynthesise(latents, utterances, SampleSettings(count=2))
    assert found == {"wer": 15.0}  # means; sums over the corpus are not among them
    for pair, utterance in zip(ear.pairs, (fit[0], fit[len(fit) // 2]), strict=True):
        assert pair.transcript == utterance.transcript
        assert abs(pair.original.seconds - utterance.seconds) < 0.01
        # An untrained decoder makes something else, of the same length but for the frame that is not full.
        assert 0 <= pair.original.seconds - pair.reconstruction.seconds < 0.03
        length = len(pair.reconstruction.waveform)
        assert abs(pair.reconstruction.waveform - pair.original.waveform[:length]).max() > 1e-3


def test_without_metrics_nothing_is_decoded(manifest: Path, latents: FeatureCodec) -> None:
    assert resynthesise(latents, read_corpora([CorpusSettings(path=str(manifest))]), SampleSettings()) == {}


def test_without_transcripts_there_is_nothing_to_measure(ear: Ear, tmp_path: Path, latents: FeatureCodec) -> None:
    with pytest.raises(DataError, match="no utterance with a transcript"):
        resynthesise(latents, [], SampleSettings())


def test_lone_words_are_no_sentences_unless_there_is_nothing_else() -> None:
    said = [
        Clip(text, Path("x"), transcript=text, seconds=s)
        for text, s in [("yes", 1.0), ("one two three four", 2.0), ("one two three four five", 11.0)]
    ]
    assert [u.transcript for u in sentences(said)] == ["one two three four"]
    assert [u.transcript for u in sentences(said[:1])] == ["yes"]
    assert sentences(said[2:]) == []
