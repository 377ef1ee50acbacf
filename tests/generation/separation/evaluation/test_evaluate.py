from pathlib import Path

import numpy as np
import pytest

from tests.generation.separation.small import small_separator
from tests.locations import SPEECH
from wavcube.audio.io import load_audio, save_audio
from wavcube.codec import WavCube
from wavcube.data.rows import write_table
from wavcube.errors import ConfigError, DataError
from wavcube.evaluation.metric import Pair, Recording
from wavcube.evaluation.settings import EvaluationSettings
from wavcube.evaluation.speaker_encoder import SpeakerEncoder
from wavcube.evaluation.systems import EVALUATION_RATE
from wavcube.generation.separation.evaluation.evaluate import evaluate_separation
from wavcube.generation.separation.evaluation.metrics import SISDRImprovement, TalkerSimilarity
from wavcube.generation.separation.evaluation.systems import better_order, load_separation_systems
from wavcube.generation.separation.evaluation.talkers import read_talkers


@pytest.fixture
def mixtures(tmp_path: Path) -> Path:
    """A list of two mixtures of 2.5 s."""
    one, other = (load_audio(SPEECH / name)[:40_000] for name in ("p287_002.flac", "LJ001-0013.opus"))
    rows = []
    for number, pair in enumerate(((one, other), (other, 0.5 * one))):
        names = [f"m{number}.flac", f"m{number}-1.flac", f"m{number}-2.flac"]
        for name, waveform in zip(names, (pair[0] + pair[1], *pair), strict=True):
            save_audio(tmp_path / name, 0.5 * waveform)
        rows.append([*names, names[1], "x", "y", "she said"])
    columns = ["path", "source1", "source2", "enrolment1", "speaker1", "speaker2", "transcript1"]
    write_table(tmp_path / "mixtures.tsv", columns, rows)
    return tmp_path / "mixtures.tsv"


def recording(path: Path, name: str) -> Recording:
    return Recording(load_audio(path), EVALUATION_RATE, name)


def test_each_talker_of_a_mixture_is_measured(mixtures: Path) -> None:
    clips, talkers = read_talkers(mixtures)
    assert [clip.name for clip in clips] == ["m0-1", "m0-2", "m1-1", "m1-2"]
    assert [clip.path.name for clip in clips] == ["m0-1.flac", "m0-2.flac", "m1-1.flac", "m1-2.flac"]
    assert [clip.columns["speaker"] for clip in clips] == ["x", "y", "x", "y"]
    assert [clip.columns["mixture"] for clip in clips] == ["m0", "m0", "m1", "m1"]
    assert [clip.transcript for clip in clips] == ["she said", None, "she said", None]
    assert talkers["m0-2"].other == clips[0].path
    assert talkers["m0-1"].enrolment == clips[0].path
    assert talkers["m0-2"].enrolment is None


def test_the_order_of_results_does_not_matter(mixtures: Path, wavcube_folder: Path, tmp_path: Path) -> None:
    clips, talkers = read_talkers(mixtures)
    truth = np.stack([load_audio(clip.path) for clip in clips[:2]])
    noise = 0.01 * np.random.default_rng(0).standard_normal(truth.shape)
    assert better_order(truth + noise, truth) == (0, 1)
    assert better_order((truth + noise)[::-1], truth) == (1, 0)
    assert better_order(truth, truth) == (0, 1)
    assert better_order(np.zeros_like(truth), truth) == (0, 1)
    (tmp_path / "files").mkdir()
    small_separator(WavCube.from_pretrained(wavcube_folder), f"wavcube:{wavcube_folder}").save_pretrained(
        tmp_path / "m"
    )
    names = [str(tmp_path / "m"), f"{tmp_path / 'm'}?decoded=1", f"{tmp_path / 'm'}?enroll=1", "oracle-latents"]
    masked, decoded, enrolled, oracle = load_separation_systems(names, talkers)
    originals = [recording(clip.path, clip.name) for clip in clips]
    both = [made.waveform for made in masked.reconstruct(originals[:2])]
    assert np.allclose(both[0] + both[1], load_audio(talkers["m0-1"].mixture), atol=1e-4)
    for system in (decoded, oracle):
        one, other = (made.waveform for made in system.reconstruct(originals[:2]))
        assert not np.array_equal(one, other)
    assert enrolled.reconstruct(originals[:1])[0].waveform.shape == originals[0].waveform.shape
    with pytest.raises(DataError, match="m0-2 has no enrolment"):
        enrolled.reconstruct(originals[1:2])
    assert (
        len({system.fingerprint_for(name) for system in (masked, decoded, enrolled, oracle) for name in talkers}) == 16
    )


class _Loudness(SpeakerEncoder):
    """Embeds a recording by whether it is the first talker's: those of the test are told apart by their samples."""

    name, fingerprint = "test", "test"

    def __init__(self, first: np.ndarray) -> None:
        self.first = first / np.linalg.norm(first)

    def embed(self, waveform: np.ndarray) -> np.ndarray:
        share = abs(float(waveform @ self.first)) / max(float(np.linalg.norm(waveform)), 1e-9)
        return np.array([share, 1 - share])


def test_metrics_know_both_talkers(mixtures: Path) -> None:
    clips, talkers = read_talkers(mixtures)
    own, other = (recording(clip.path, clips[0].name) for clip in clips[:2])
    mixture = recording(talkers["m0-1"].mixture, "m0-1")
    quarter = Recording(own.waveform + 0.25 * other.waveform, EVALUATION_RATE, "m0-1")
    improved = SISDRImprovement(talkers)
    assert improved(Pair(own, mixture)).values["si_sdr_improvement"] == pytest.approx(0.0, abs=0.01)
    assert improved(Pair(own, quarter)).values["si_sdr_improvement"] == pytest.approx(12.04, abs=0.5)
    voices = TalkerSimilarity(_Loudness(own.waveform), talkers)
    right, wrong = voices(Pair(own, own)).values, voices(Pair(own, other)).values
    assert right["similarity_margin"] > 0.5 > -0.5 > wrong["similarity_margin"]
    assert (right["nearer_to_own"], wrong["nearer_to_own"]) == (100.0, 0.0)


def test_a_report_is_written(mixtures: Path, tmp_path: Path) -> None:
    systems, out = ("oracle-mask", "mixture"), tmp_path / "out"
    summary = evaluate_separation(
        EvaluationSettings(systems, mixtures, out, metrics=("si_sdr",), processes=1, listen=False)
    )
    assert summary.cluster == "mixture"
    found = summary.estimates
    assert found["mixture"]["si_sdr_improvement"].value == pytest.approx(0.0, abs=0.01)
    assert found["oracle-mask"]["si_sdr_improvement"].value > 8
    assert "Separation of two talkers" in (out / "report.html").read_text()


def test_what_is_not_said_is_by_default(mixtures: Path, tmp_path: Path) -> None:
    settings = EvaluationSettings(("mixture",), mixtures, tmp_path / "out", processes=1, listen=False, cluster="")
    skipped: dict[str, str] = {}
    summary = evaluate_separation(settings, on_skipped=skipped.__setitem__)
    assert not summary.cluster  # an empty name is none, and not the one by default
    assert list(skipped) == ["speaker", "wer", "wer_vs_original"]
    assert {quantity.name for quantity in summary.quantities} > {"si_sdr_improvement", "estoi"}


def test_faults_are_named(mixtures: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name the model before it"):
        load_separation_systems(["oracle-latents"], {})
    with pytest.raises(ConfigError, match="option 'strength=1'"):
        load_separation_systems(["packaged?strength=1"], {})
    with pytest.raises(DataError, match="no mixture has an enrolment"):
        load_separation_systems(["packaged?enroll=1"], {})
    (tmp_path / "m1-2.flac").unlink()
    with pytest.raises(DataError, match=r"m1-2\.flac does not exist"):
        read_talkers(mixtures)
    mixtures.write_text("path\tsource1\nm0.flac\tm0-1.flac\n")
    with pytest.raises(DataError, match="needs a column `source2`"):
        read_talkers(mixtures)
