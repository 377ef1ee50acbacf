"""Every system on every utterance: batches, failures, interruption, and the same numbers however it is run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.evaluation.conftest import StubASR, StubEncoder, noisy_pair
from tests.locations import SPEECH
from wavcube.audio.io import save_audio
from wavcube.data.clip import Clip
from wavcube.errors import AudioError, ConfigError, DataError
from wavcube.evaluation.metrics import METRICS, Recording
from wavcube.evaluation.metrics.dnsmos import DNSMOS
from wavcube.evaluation.metrics.si_sdr import SISDR
from wavcube.evaluation.metrics.speaker import SpeakerSimilarity
from wavcube.evaluation.metrics.stoi import STOI
from wavcube.evaluation.metrics.wer import WordErrorRate
from wavcube.evaluation.runner import RESULTS_FILE, batches
from wavcube.evaluation.systems import Identity, System, load_system
from wavcube.reconstruction import MetricOptions, choose_metrics, evaluate, read_clips


class Noise(System):
    """Adds noise at an SNR; counts what it is asked."""

    title = "noise"

    def __init__(self, snr_db: float, name: str | None = None) -> None:
        self.name = name or f"noise-{snr_db:g}"
        self.fingerprint = f"noise {snr_db}"
        self.snr_db = snr_db
        self.batches: list[list[str]] = []

    def reconstruct(self, originals):
        self.batches.append([o.name for o in originals])
        made = []
        for original in originals:
            noise = np.random.default_rng(len(original.waveform)).standard_normal(len(original.waveform))
            made.append(noisy_pair(original.waveform, noise.astype(np.float32), self.snr_db).reconstruction)
        return made


class Picky(Identity):
    """Refuses one recording, and gives nonsense for another."""

    name = "picky"

    def reconstruct(self, originals):
        if any(o.name == "328-129766-0000" for o in originals):
            raise AudioError("not this one")
        return [Recording(np.nan * o.waveform, 16_000) if o.name == "p287_002" else o for o in originals]


@pytest.fixture(scope="module")
def utterances() -> list[Clip]:
    return read_clips(SPEECH / "speech.tsv", {"language": "en"})


def _identical(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(a, b, check_exact=True)


def test_the_table(utterances: list[Clip], tmp_path: Path) -> None:
    metrics = [SISDR(), STOI(), SpeakerSimilarity(StubEncoder()), WordErrorRate(StubASR())]
    table = evaluate([Noise(20), Identity()], utterances, metrics, tmp_path, processes=1)
    assert len(table) == 2 * len(utterances)
    assert list(table["system"][:2]) == ["noise-20", "identity"]
    assert set(table["sex"]) == {"F", "M"}
    noisy = table[table["system"] == "noise-20"]
    assert noisy["si_sdr"].to_numpy() == pytest.approx(20.0, abs=1.0)
    assert (table[table["system"] == "identity"]["speaker_similarity"] > 0.99999).all()
    assert noisy["hypothesis"].str.len().gt(0).all()
    assert noisy["wer"].notna().all()
    identical = json.loads(table[table["system"] == "identity"]["undefined"].iloc[0])
    assert list(identical) == ["si_sdr"]


@pytest.mark.slow
def test_numbers_do_not_depend_on_how_the_work_is_divided(utterances: list[Clip], tmp_path: Path) -> None:
    metrics = choose_metrics([n for n, m in METRICS.items() if not m.on_device]).metrics
    systems = [Noise(20), load_system("opus-6")]
    one = evaluate(systems, utterances, metrics, tmp_path / "1", processes=1)
    many = evaluate(systems, utterances[::-1], metrics, tmp_path / "3", processes=3)
    by = ["utterance", "system"]
    _identical(one.sort_values(by, ignore_index=True), many.sort_values(by, ignore_index=True)[list(one.columns)])


def test_finished_work_is_not_done_again(utterances: list[Clip], tmp_path: Path) -> None:
    first = evaluate([Noise(20)], utterances, [SISDR()], tmp_path, processes=1)
    again = Noise(20)
    _identical(first, evaluate([again], utterances, [SISDR()], tmp_path, processes=1))
    assert again.batches == []
    # Only what is new is measured; the table has both.
    evaluate([again], utterances, [SISDR(), SpeakerSimilarity(StubEncoder())], tmp_path, processes=1)
    assert sum(map(len, again.batches)) == len(utterances)
    # Another system of the same name is measured anew, and its numbers are not mixed with the other's.
    other = evaluate([Noise(0, "noise-20")], utterances, [SISDR()], tmp_path, processes=1)
    assert other["si_sdr"].to_numpy() == pytest.approx(0.0, abs=1.0)


def test_interrupted_work_continues_with_the_same_numbers(utterances: list[Clip], tmp_path: Path) -> None:
    whole = evaluate([Noise(20)], utterances, [SISDR(), SpeakerSimilarity(StubEncoder())], tmp_path / "a", processes=1)
    evaluate([Noise(20)], utterances, [SISDR(), SpeakerSimilarity(StubEncoder())], tmp_path / "b", processes=1)
    path = tmp_path / "b" / RESULTS_FILE
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    again = Noise(20)
    continued = evaluate([again], utterances, [SISDR(), SpeakerSimilarity(StubEncoder())], tmp_path / "b", processes=1)
    _identical(whole, continued)


KILLED = """
import sys
from wavcube.reconstruction import choose_metrics, evaluate, load_system, read_clips
if __name__ == "__main__":
    systems = [load_system("opus-6"), load_system("opus-24")]
    metrics = choose_metrics(["stoi", "pesq_wb", "dnsmos"]).metrics
    evaluate(systems, read_clips(sys.argv[1]), metrics, sys.argv[2], processes=2, batch_seconds=4)
"""


@pytest.mark.long
def test_a_killed_run_leaves_its_results_and_no_processes(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(KILLED)
    run = subprocess.Popen([sys.executable, str(script), str(SPEECH), str(tmp_path)], start_new_session=True)
    results = tmp_path / RESULTS_FILE
    deadline = time.monotonic() + 120
    while not (results.exists() and results.stat().st_size) and time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.05)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    while _members(run.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _members(run.pid)
    before = results.read_bytes()
    assert before
    metrics = choose_metrics(["stoi"]).metrics
    evaluate([load_system("opus-6")], read_clips(SPEECH), metrics, tmp_path, processes=1)
    assert results.read_bytes().startswith(before[: before.rfind(b"\n") + 1])


def _members(group: int) -> bool:
    """Whether a process of the group lives (one that ended and waits for its parent does not)."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = status.read_text().rsplit(")", 1)[1].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            return True
    return False


def test_what_cannot_be_reconstructed_is_counted_and_the_rest_measured(utterances: list[Clip], tmp_path: Path) -> None:
    table = evaluate([Picky(), Noise(20)], utterances, [STOI()], tmp_path, processes=1).set_index(
        ["system", "utterance"]
    )
    assert json.loads(table.loc[("picky", "328-129766-0000"), "undefined"]) == {
        "stoi": "no reconstruction: not this one"
    }
    assert "NaN or infinite" in table.loc[("picky", "p287_002"), "undefined"]
    assert table.loc["picky"]["stoi"].notna().sum() == len(utterances) - 2
    assert table.loc["noise-20"]["stoi"].notna().all()


def test_unreadable_and_silent_originals_are_counted(tmp_path: Path) -> None:
    save_audio(tmp_path / "a_silent.wav", np.zeros(16_000, np.float32), 16_000)
    (tmp_path / "b_broken.wav").write_bytes(b"RIFF")
    save_audio(tmp_path / "c_good.wav", np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32), 16_000)
    table = evaluate([Noise(20)], read_clips(tmp_path), [SISDR()], tmp_path / "out", processes=1)
    reasons = [json.loads(text)["si_sdr"] if text else "" for text in table["undefined"]]
    assert reasons[0] == "the original is silent"
    assert reasons[1].startswith("the original cannot be read: ")
    assert reasons[2] == ""


def test_a_metric_that_fails_does_not_lose_the_others(
    utterances: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(SpeakerSimilarity):
        def measure(self, pair):
            raise RuntimeError("out of luck\nin detail")

    table = evaluate([Noise(20)], utterances[:2], [Failing(StubEncoder()), SISDR()], tmp_path, processes=1)
    assert table["si_sdr"].notna().all()
    assert json.loads(table["undefined"][0]) == {"speaker_similarity": "failed: RuntimeError: out of luck"}


def test_pairs_are_checked_before_any_work(utterances: list[Clip], tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    save_audio(tmp_path / "made" / "p287_002.wav", np.zeros(100, np.float32), 16_000)
    with pytest.raises(DataError, match="6 of 7 reconstructions are missing"):
        evaluate([load_system(f"files:{tmp_path / 'made'}")], utterances, [SISDR()], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_two_systems_of_one_name_are_refused(utterances: list[Clip], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two models are called identity; name one by --model LABEL=identity"):
        evaluate([Identity(), Identity()], utterances, [SISDR()], tmp_path)


def test_a_folder_that_cannot_be_made(utterances: list[Clip], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made a folder"):
        evaluate([Identity()], utterances, [SISDR()], tmp_path / "file")


def test_batches_hold_like_durations() -> None:
    utterances = [Clip(str(i), Path(f"{i}.wav"), seconds=s) for i, s in enumerate([9.0, 1.0, 30.0, 2.0, 1.5])]
    assert [[u.seconds for u in batch] for batch in batches(utterances, 10.0)] == [[1.0, 1.5, 2.0], [9.0], [30.0]]
    unknown = [Clip("x", Path("x.wav"))]
    assert batches(unknown, 10.0) == [unknown]
    # The order that they are given in changes nothing.
    assert batches(utterances[::-1], 10.0) == batches(utterances, 10.0)


def test_originals_are_analysed_once_for_all_systems(
    utterances: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asr = StubASR()
    metrics = choose_metrics(["wer", "wer_vs_original"], MetricOptions(asr=asr)).metrics
    evaluate([Noise(20), Noise(0), Identity()], utterances, metrics, tmp_path, processes=1)
    assert asr.calls == 3 * len(utterances)  # two reconstructions, and the original that is also the identity's


def test_workers_load_no_torch() -> None:
    code = "import sys, wavcube.evaluation.scoring; print('torch' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert DNSMOS.on_device is False
