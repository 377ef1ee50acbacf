"""Error rates in both conventions, their references and their normalisation."""

import numpy as np
import pytest

from tests.evaluation.conftest import StubASR
from wavcube.data.text_normalizers import normalise
from wavcube.evaluation.metrics import Pair, Recording
from wavcube.evaluation.metrics.wer import WordErrorRate, WordErrorRateAgainstOriginal


class Reader:
    """Reads what it was told, in turn."""

    name = "reader"
    fingerprint = "reader"

    def __init__(self, *readings: str) -> None:
        self.readings = list(readings)
        self.languages: list[str] = []

    def transcribe(self, waveform: np.ndarray, language: str) -> str:
        self.languages.append(language)
        return self.readings.pop(0)


def _pair(transcript: str | None = None, language: str = "en") -> Pair:
    waveform = np.full(16_000, 0.1, np.float32)
    return Pair(Recording(waveform, 16_000), Recording(waveform.copy(), 16_000), transcript, language)


def test_errors_are_counted_after_normalisation() -> None:
    measurement = WordErrorRate(Reader("The cat, it sat on a Mat!"))(_pair("the cat sat on the mat"))
    assert measurement.values["word_errors"] == 2  # "it" inserted, "the" read as "a"
    assert measurement.values["words"] == 6
    assert measurement.values["wer"] == pytest.approx(100 * 2 / 6)
    # Characters, spaces among them: "it " inserted, "the" -> "a" is three edits.
    assert measurement.values["character_errors"] == 6
    assert measurement.values["characters"] == 22
    assert measurement.notes == {"reference": "the cat sat on the mat", "hypothesis": "the cat it sat on a mat"}


def test_rates_above_one_hundred_percent_are_kept() -> None:
    assert WordErrorRate(Reader("three words here"))(_pair("one")).values["wer"] == 300.0


def test_nothing_read_is_all_wrong() -> None:
    assert WordErrorRate(Reader(""))(_pair("two words")).values["wer"] == 100.0


@pytest.mark.parametrize(
    ("transcript", "reason"),
    [(None, "no transcript"), ("", "no transcript"), ("[noise]", "no transcript")],
)
def test_without_words_it_is_undefined(transcript: str | None, reason: str) -> None:
    measurement = WordErrorRate(Reader("anything"))(_pair(transcript))
    assert set(measurement.undefined.values()) == {reason}
    assert set(measurement.undefined) == {"wer", "wer_corpus", "cer", "cer_corpus"}


def test_against_the_reading_of_the_original() -> None:
    measurement = WordErrorRateAgainstOriginal(Reader("a b c d", "a b c"))(_pair())
    assert measurement.values["wer_vs_original"] == 25.0
    assert measurement.values["words_vs_original"] == 4
    nothing = WordErrorRateAgainstOriginal(Reader("", "a"))(_pair())
    assert nothing.undefined["wer_vs_original"] == "the ASR model's reading of the original is empty"


def test_a_recording_is_read_once_for_both(asr: StubASR) -> None:
    pair = _pair("one two")
    WordErrorRate(asr)(pair)
    WordErrorRateAgainstOriginal(asr)(pair)
    assert asr.calls == 2  # original and reconstruction


def test_silence_is_not_given_to_the_asr_model(silent_pair: Pair, asr: StubASR) -> None:
    silent_pair.transcript = "one two"
    assert WordErrorRate(asr)(silent_pair).values["wer"] == 100.0
    assert asr.calls == 0


def test_language_reaches_asr_model_and_normaliser() -> None:
    reader = Reader("Mr. Müller")
    # English rules would write "mister".
    assert WordErrorRate(reader)(_pair("mr müller", "de")).values["wer"] == 0.0
    assert reader.languages == ["de"]


@pytest.mark.parametrize(
    ("normaliser", "expected"),
    [
        ("whisper", "mister smith does not have 20 cats"),
        ("lower", "mr smith doesnt have twenty cats"),
        ("none", "Mr. Smith doesn't  have twenty cats!"),
    ],
)
def test_normalisers(normaliser: str, expected: str) -> None:
    assert normalise(" Mr. Smith doesn't  have twenty cats! ", normaliser, "en") == expected


def test_the_note_names_reader_and_rules() -> None:
    assert "reader" in WordErrorRate(Reader()).note()
    assert "lower case without punctuation" in WordErrorRate(Reader(), "lower").note()
    assert WordErrorRate(Reader()).fingerprint() != WordErrorRate(Reader(), "lower").fingerprint()
