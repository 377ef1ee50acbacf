from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.locations import SPEECH
from wavcube.audio.io import load_audio, save_audio
from wavcube.data.clip import Clip
from wavcube.errors import AudioWarning, ConfigError, DataError
from wavcube.evaluation.metric import Pair, Recording
from wavcube.evaluation.metrics import MetricOptions
from wavcube.evaluation.settings import EvaluationSettings
from wavcube.generation.conversion.evaluation.evaluate import evaluate_conversion
from wavcube.generation.conversion.evaluation.metrics import VoiceSimilarity
from wavcube.generation.conversion.evaluation.pairs import Target, make_pairs, read_pairs, write_pairs
from wavcube.generation.conversion.evaluation.systems import load_conversion_systems


class Band:
    """A stand-in for a speaker encoder: where in the spectrum a recording's power lies."""

    name = fingerprint = "band"

    def embed(self, waveform: np.ndarray) -> np.ndarray:
        power = np.abs(np.fft.rfft(waveform)) ** 2
        return np.array([part.sum() for part in np.array_split(power, 64)])


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    clips = []
    for speaker, name in (("a", "LJ001-0013.opus"), ("b", "p287_002.flac")):
        speech = load_audio(SPEECH / name)[:32_000]
        for number in range(4):
            path = tmp_path / f"{speaker}{number}.flac"
            save_audio(path, speech * (1 - 0.1 * number))
            clips.append(Clip(path.stem, path, None, 2.0, None, "Ask her.", "en", {"speaker": speaker}))
    write_pairs(make_pairs(clips, 3.0, 0), tmp_path / "pairs.tsv")
    return tmp_path / "pairs.tsv"


@pytest.fixture
def settings(pairs: Path, tmp_path: Path) -> EvaluationSettings:
    """Of two pairs, by similarity to speakers alone."""
    return EvaluationSettings(
        ("packaged", "source", "pitch-shift", "true", "resynthesis"),
        pairs,
        tmp_path / "out",
        limit=2,
        metrics=("speaker",),
        options=MetricOptions(speaker=Band()),
        processes=1,
        listen=False,
    )


def test_every_clip_is_a_source_and_no_target_recording_a_reference(pairs: Path) -> None:
    clips, targets = read_pairs(pairs)
    assert len(clips) == 8
    for clip in clips:
        target = targets[clip.name]
        assert clip.transcript == "Ask her."
        assert target.speaker != clip.columns["speaker"]
        assert len(target.recordings) == 2
        assert len({target.reference, target.other, *target.recordings}) == 4


def test_systems_are_compared_with_true_speech_of_the_target(settings: EvaluationSettings) -> None:
    with pytest.warns(AudioWarning, match="of speech"):
        summary = evaluate_conversion(settings)
    share = {name: found["target_share"].value for name, found in summary.estimates.items()}
    assert share["true"] == pytest.approx(100)
    assert share["source"] < share["wavcube-convert"] <= 100.1
    pitch = {name: found["median_f0_error"].value for name, found in summary.estimates.items()}
    assert pitch["wavcube-convert"] < 200 < pitch["source"]
    assert "Voice conversion" in (settings.folder / "report.html").read_text()


@pytest.mark.long
def test_conversion_by_flow_takes_the_lists_transcripts(pairs: Path, settings: EvaluationSettings) -> None:
    pytest.importorskip("gruut")
    with pytest.warns(AudioWarning, match="of speech"):
        summary = evaluate_conversion(replace(settings, systems=("flow", "flow?few_steps=1"), limit=1))
    for name in ("wavcube-flow", "wavcube-flow?few_steps=1"):
        assert summary.estimates[name]["median_f0_error"].value < 200
    clips, targets = read_pairs(pairs)
    (system,) = load_conversion_systems(["flow"], targets)
    with pytest.raises(DataError, match="needs its transcript"):
        system.check([replace(clips[0], transcript=None)])


def test_the_share_is_of_what_true_speech_has() -> None:
    paths = [SPEECH / name for name in ("LJ001-0013.opus", "p287_002.flac")]
    target = Target("t", (paths[0],), paths[0], paths[1])
    metric = VoiceSimilarity(Band(), {"x": target})
    one, other = (Recording(load_audio(path), 16_000, "x") for path in paths)
    values = metric.measure(Pair(one, other)).values
    assert values["target_share"] == pytest.approx(100)
    assert values["target_similarity"] == pytest.approx(values["source_similarity"])


def test_faults_are_named(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="option 'match=2'"):
        load_conversion_systems(["packaged?match=2"], {})
    with pytest.raises(ConfigError, match="option 'steps=1' should be one of few_steps"):
        load_conversion_systems(["flow?steps=1"], {})
    clip = Clip("x", tmp_path / "a0.flac", None, 2.0, None, None, "en", {"speaker": "a"})
    with pytest.raises(DataError, match="no speaker has 3 s"):
        make_pairs([clip], 3.0, 0)
    with pytest.raises(DataError, match="speaker is not known"):
        make_pairs([Clip("x", tmp_path / "a0.flac")], 3.0, 0)
    (tmp_path / "b3.flac").unlink()
    with pytest.raises(DataError, match=r"b3\.flac"):
        read_pairs(pairs)
