"""Word and character error rate: what an ASR model reads in the reconstruction."""

from typing import Any, ClassVar

from wavcube.data.text_normalizers import describe, has_words, normalise
from wavcube.evaluation.asr import ASRModel, UnknownLanguageError
from wavcube.evaluation.metric import Measurement, Metric, Pair, Quantity, Recording, Undefined

NO_TRANSCRIPT = "no transcript"
"""Why a recording has no error rate whose words are not known, or whose transcript has none (such as "...")."""


def _quantities(title: str, suffix: str) -> tuple[Quantity, ...]:
    """Both rates in both conventions."""
    words, characters = (f"word_errors{suffix}", f"words{suffix}"), (f"character_errors{suffix}", f"characters{suffix}")
    return (
        Quantity(f"wer{suffix}", f"WER{title}, utterances", "%", "lower", 2),
        Quantity(f"wer_corpus{suffix}", f"WER{title}, corpus", "%", "lower", 2, words, 100.0),
        Quantity(f"cer{suffix}", f"CER{title}, utterances", "%", "lower", 2),
        Quantity(f"cer_corpus{suffix}", f"CER{title}, corpus", "%", "lower", 2, characters, 100.0),
    )


class WordErrorRate(Metric):
    """Errors of an ASR model on the reconstruction against the given transcript, in percent.

    Both conventions are reported: the mean of each utterance's rate (as zero-shot text to speech is evaluated, and the
    WavCube paper counts), and the errors of the whole corpus over its words (as ASR models are evaluated).
    """

    name = "wer"
    quantities = _quantities("", "")
    sample_rate = 16_000
    citation = "Levenshtein alignment by jiwer"
    packages: ClassVar = {"jiwer": "jiwer", "whisper_normalizer": "whisper-normalizer"}
    compares_samples = False
    on_device = True
    suffix: ClassVar[str] = ""

    def __init__(self, asr: ASRModel, normaliser: str = "whisper") -> None:
        self.asr = asr
        self.normaliser = normaliser

    def settings(self) -> dict[str, Any]:
        return {"asr": self.asr.fingerprint, "normaliser": self.normaliser}

    def note(self) -> str:
        return (
            f"WER, CER{self._against}: read by {self.asr.name}, texts through {describe(self.normaliser)}; "
            "utterances: mean of each one's rate, corpus: all errors over all words"
        )

    def measure(self, pair: Pair) -> Measurement:
        import jiwer

        reference = normalise(self._reference(pair), self.normaliser, pair.language)
        if not has_words(reference):
            raise Undefined(self._without_words)
        hypothesis = normalise(self._read(pair.reconstruction, pair.language), self.normaliser, pair.language)
        words, characters = jiwer.process_words(reference, hypothesis), jiwer.process_characters(reference, hypothesis)
        word_errors = words.substitutions + words.deletions + words.insertions
        word_count = words.hits + words.substitutions + words.deletions
        character_errors = characters.substitutions + characters.deletions + characters.insertions
        character_count = characters.hits + characters.substitutions + characters.deletions
        values = {
            "wer": 100.0 * word_errors / word_count,
            "cer": 100.0 * character_errors / character_count,
            "word_errors": float(word_errors),
            "words": float(word_count),
            "character_errors": float(character_errors),
            "characters": float(character_count),
        }
        notes = {"reference": reference, "hypothesis": hypothesis}
        return Measurement(
            {name + self.suffix: value for name, value in values.items()},
            notes={name + self.suffix: text for name, text in notes.items()},
        )

    _without_words: ClassVar[str] = NO_TRANSCRIPT
    _against: ClassVar[str] = ""

    def _reference(self, pair: Pair) -> str:
        if pair.transcript is None:
            raise Undefined(NO_TRANSCRIPT)
        return pair.transcript

    def _read(self, recording: Recording, language: str) -> str:
        if recording.is_silent:
            return ""  # ASR models invent words in silence
        try:
            return recording.remember(
                f"reading {self.asr.fingerprint} {language}",
                lambda: self.asr.transcribe(recording.at(self.sample_rate), language),
            )
        except UnknownLanguageError as error:
            raise Undefined(str(error)) from error


class WordErrorRateAgainstOriginal(WordErrorRate):
    """Errors against the ASR model's own reading of the original, in percent: needs no transcript.

    What is counted is what the reconstruction changed, without the ASR model's errors on clean speech.
    """

    name = "wer_vs_original"
    quantities = _quantities(" vs original", "_vs_original")
    suffix = "_vs_original"
    _without_words = "the ASR model's reading of the original is empty"
    _against = " vs original"

    def _reference(self, pair: Pair) -> str:
        return self._read(pair.original, pair.language)
