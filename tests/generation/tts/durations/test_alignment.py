from pathlib import Path

import numpy as np
import pytest

from wavcube.errors import DataError
from wavcube.features import build_feature_extractor
from wavcube.generation.tts.durations import alignment
from wavcube.generation.tts.durations.alignment import align_corpora, token_durations
from wavcube.generation.tts.text.frontend import build_text_frontend
from wavcube.generation.tts.text.vocabulary import Vocabulary
from wavcube.generation.tts.training.config import CorpusSettings, DataSettings
from wavcube.generation.tts.training.dataset import SpeechCorpus, read_corpora

LETTERS = build_text_frontend("lowercase", edges=True)


def open_corpus(manifest: Path, cache: Path) -> tuple[SpeechCorpus, Vocabulary]:
    utterances = read_corpora([CorpusSettings(str(manifest))])
    vocabulary = Vocabulary.collect(LETTERS(u.transcript or "") for u in utterances)
    settings = DataSettings(cache=str(cache))
    return SpeechCorpus(
        utterances, build_feature_extractor("frame_stacking:2:logmel"), LETTERS, vocabulary, settings
    ), vocabulary


def test_every_token_has_its_time(manifest: Path, tmp_path: Path) -> None:
    corpus, vocabulary = open_corpus(manifest, tmp_path)
    assert corpus.batch([0, 1]).ends is None
    align_corpora([corpus], vocabulary, tmp_path)
    batch = corpus.batch([0, 1])
    assert batch.ends is not None
    for row in (0, 1):
        count = len(corpus.examples[row].token_ids)
        assert (batch.ends[row, :count].diff() >= 0).all()
        assert batch.ends[row, count - 1] == pytest.approx(int(batch.lengths[row]), abs=1.0)
        assert batch.ends[row, count:].isinf().all()
    token_ids, seconds = token_durations(corpus.examples[0])
    assert token_ids.tolist() == corpus.examples[0].token_ids
    assert float(seconds.sum()) == pytest.approx(corpus.examples[0].utterance.seconds, abs=0.05)


def test_a_corpus_is_aligned_once(manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, vocabulary = open_corpus(manifest, tmp_path)
    align_corpora([corpus], vocabulary, tmp_path)
    monkeypatch.setattr(alignment, "_align", None)
    again, _ = open_corpus(manifest, tmp_path)
    align_corpora([again], vocabulary, tmp_path)
    for first, second in zip(corpus.examples, again.examples, strict=True):
        assert first.ends is not None
        assert second.ends is not None
        assert np.array_equal(first.ends, second.ends)


def test_what_cannot_be_aligned_is_left_out(manifest: Path, tmp_path: Path) -> None:
    corpus, vocabulary = open_corpus(manifest, tmp_path)
    count = len(corpus)
    corpus.examples[0].token_ids = corpus.examples[0].token_ids * 50
    align_corpora([corpus], vocabulary, tmp_path)
    assert len(corpus) == count - 1
    assert corpus.left_out["too short for the text to be aligned"] == 1
    for examples in corpus.examples:
        examples.token_ids = examples.token_ids * 50
    with pytest.raises(DataError, match="no utterance is long enough"):
        align_corpora([corpus], vocabulary, tmp_path / "other")


def test_frames_of_an_utterance_have_their_own_tokens(manifest: Path, tmp_path: Path) -> None:
    """The pauses that the alignment finds are quieter than the rest."""
    corpus, vocabulary = open_corpus(manifest, tmp_path)
    align_corpora([corpus], vocabulary, tmp_path)
    quiet, loud = [], []
    space = vocabulary.encode([" "])[0]
    for i, examples in enumerate(corpus.examples):
        assert examples.ends is not None
        energy = corpus.frames(i).astype(np.float32).mean(1)
        middles = (np.arange(len(energy)) + 0.5) / 50
        token = np.searchsorted(examples.ends, middles, side="right").clip(max=len(examples.token_ids) - 1)
        pause = np.array(examples.token_ids)[token] == space
        quiet.append(energy[pause])
        loud.append(energy[~pause])
    assert np.concatenate(quiet).mean() < np.concatenate(loud).mean() - 1.0
