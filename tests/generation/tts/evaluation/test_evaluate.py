import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.locations import SPEECH
from wavcube.evaluation.metrics import ChosenMetrics, Metric
from wavcube.evaluation.metrics.speaker import SpeakerSimilarity
from wavcube.evaluation.metrics.wer import WordErrorRate
from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.tts.evaluation.evaluate import (
    RECORDINGS,
    SpeakingRate,
    SpeakingSettings,
    evaluate_speech,
    measure_speed,
)
from wavcube.generation.tts.evaluation.lists import SpokenItem
from wavcube.generation.tts.evaluation.report import write_speech_report
from wavcube.generation.tts.pipeline import TextToSpeech

PROMPT = SPEECH / "p287_002.flac"
ITEMS = [
    SpokenItem("a", PROMPT, "ask her to bring these things with her", "this is a text.", "en", PROMPT, 2.0),
    SpokenItem("b/c", SPEECH / "LJ001-0013.opus", "than in the same operations", "and another one."),
    SpokenItem("d", PROMPT, "ask her to bring these things with her", "\u4f60\u597d"),
]
SETTINGS = SpeakingSettings((0, 5), SolverSettings(2, guidance=1.0))


class Reader:
    """Reads a text with one wrong word, and counts how often."""

    name = fingerprint = "reader"
    calls = 0

    def transcribe(self, waveform: np.ndarray, language: str) -> str:
        self.calls += 1
        return "this is no text"


class Ear:
    name = fingerprint = "ear"

    def embed(self, waveform: np.ndarray) -> np.ndarray:
        return np.array([1.0, np.abs(waveform).mean()])


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def metrics(reader: Reader) -> list[Metric]:
    return [WordErrorRate(reader, "lower"), SpeakerSimilarity(Ear()), SpeakingRate()]


def test_every_text_is_spoken_with_every_seed_and_measured(
    speaker: TextToSpeech, metrics: list[Metric], tmp_path: Path
) -> None:
    table = evaluate_speech(speaker, ITEMS, metrics, tmp_path, SETTINGS)
    assert len(table) == 2 * 2 * len(ITEMS)  # true recordings stand beside every seed
    known = table[table["seconds"].notna()].groupby(["utterance", "system"]).size().to_dict()
    assert known == {("a", "model"): 2, ("a", RECORDINGS): 2, ("b/c", "model"): 2}
    first = table[(table["utterance"] == "a") & (table["seed"] == 0)].iloc[0]
    assert first["wer"] == pytest.approx(25.0)
    assert first["speaking_rate"] == pytest.approx(len("this is a text.") / first["seconds"])
    a, b = (Path(table[(table["utterance"] == "a") & (table["seed"] == seed)].iloc[0]["path"]) for seed in (0, 5))
    assert a.read_bytes() != b.read_bytes()


def test_a_text_that_cannot_be_spoken_is_undefined_and_says_why(
    speaker: TextToSpeech, metrics: list[Metric], tmp_path: Path
) -> None:
    table = evaluate_speech(speaker, ITEMS, metrics, tmp_path, SETTINGS)
    row = table[table["utterance"] == "d"].iloc[0]
    assert np.isnan(row["wer"])
    assert "nothing of the text can be spoken: '\u4f60\u597d'" in json.loads(row["undefined"])["wer"]


def test_a_second_run_does_nothing_again(
    speaker: TextToSpeech, metrics: list[Metric], reader: Reader, tmp_path: Path
) -> None:
    first = evaluate_speech(speaker, ITEMS[:2], metrics, tmp_path, SETTINGS)
    calls, written = reader.calls, {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.flac")}
    second = evaluate_speech(speaker, ITEMS[:2], metrics, tmp_path, SETTINGS)
    assert first.equals(second)
    assert reader.calls == calls
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.flac")}
    other = replace(SETTINGS, solver=SolverSettings(3, guidance=1.0))
    evaluate_speech(speaker, ITEMS[:2], metrics, tmp_path, other)
    assert len(list(tmp_path.rglob("*.flac"))) == 2 * len(written)


def test_true_durations_are_taken_where_they_are_known(
    speaker: TextToSpeech, metrics: list[Metric], tmp_path: Path
) -> None:
    table = evaluate_speech(speaker, ITEMS[:2], metrics, tmp_path, replace(SETTINGS, true_duration=True))
    seconds = table[table["system"] == "model"].groupby("utterance")["seconds"].first()
    assert seconds["a"] == pytest.approx(2.0)
    assert seconds["b/c"] != pytest.approx(2.0)


def test_the_report_has_numbers_seeds_and_players(speaker: TextToSpeech, metrics: list[Metric], tmp_path: Path) -> None:
    table = evaluate_speech(speaker, ITEMS, metrics, tmp_path, SETTINGS, name="mine")
    write_speech_report(table, ChosenMetrics(metrics, {"utmos": "needs weights"}), tmp_path, {"model": "tiny"})
    report = json.loads((tmp_path / "report.json").read_text())
    assert set(report["by_seed"]["mine"]) == {"0", "5"}
    assert report["estimates"]["mine"]["speaking_rate"]["count"] == 4
    page = (tmp_path / "report.html").read_text()
    assert page.count("<audio") == 2 * 2 + 1  # prompt and speech of two texts, and one true recording
    assert "consent" in page
    assert "mine" in (tmp_path / "table.md").read_text()
    assert len((tmp_path / "utterances.csv").read_text().splitlines()) == len(table) + 1


def test_speed_is_measured_on_texts_that_can_be_spoken(speaker: TextToSpeech) -> None:
    found = measure_speed(speaker, ITEMS, SETTINGS.solver)
    assert found["real_time_factor"] > 0
    assert found["first_audio_seconds"] > 0
    assert measure_speed(speaker, ITEMS[2:], SETTINGS.solver) == {}
