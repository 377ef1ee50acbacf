"""Sentences synthesised during training, as audio files and for word error rates."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wavcube.data.clip import Clip, read_clip
from wavcube.data.rows import read_text
from wavcube.errors import AudioError, DataError
from wavcube.evaluation.metrics import Pair, Recording
from wavcube.generation.flow.feature_codec import FeatureCodec
from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.tts.model import FlowMatchingTTS
from wavcube.generation.tts.pipeline import TextToSpeech
from wavcube.generation.tts.prompt import Voice
from wavcube.generation.tts.text.frontend import TextError
from wavcube.generation.tts.training.config import SampleSettings
from wavcube.generation.tts.training.sample_metrics import SampleMetrics

SENTENCE_WORDS, SENTENCE_S = 4, 10.0
"""What counts as a sentence: of a lone word no ASR model is sure."""


def sentences(utterances: Sequence[Clip]) -> list[Clip]:
    """Utterances with a text of at least four words and of at most 10 s; if there are none, of any text."""
    spoken = [u for u in utterances if u.transcript and lasts_at_most(u, SENTENCE_S)]
    return [u for u in spoken if len((u.transcript or "").split()) >= SENTENCE_WORDS] or spoken


def lasts_at_most(utterance: Clip, seconds: float) -> bool:
    """Whether an utterance is known to be no longer than that."""
    return utterance.seconds is not None and utterance.seconds <= seconds


class SampleSpeaker:
    """Speaks the same sentences with the same voices every time.

    Args:
        model: as it trains.
        representation: the way from its frames to speech.
        utterances: of the validation data; voices, and texts where the settings name no file.
        settings: how many, and the metrics.

    Raises:
        DataError: no utterance can be a prompt, or no text fits; the file of texts is missing or empty.
        WavCubeError: an ASR model or speaker encoder cannot be had.
    """

    def __init__(
        self,
        model: FlowMatchingTTS,
        representation: FeatureCodec,
        utterances: list[Clip],
        settings: SampleSettings,
    ) -> None:
        self.settings = settings
        self.speaker = TextToSpeech(model, representation)
        self.sample_metrics = SampleMetrics(settings)
        voices = self._voices(utterances)
        texts = _texts(utterances, settings)
        self.items = [self._item(i, *voices[i % len(voices)], texts) for i in range(settings.count)]

    def speak(self, folder: Path) -> dict[str, float]:
        """Write the sentences to `folder` as 00.wav, 01.wav, ...; returns means of what is measured, by name.

        The model is in evaluation mode inside, and as it was after it.
        """
        model = self.speaker.model
        training = model.training
        model.eval()
        try:
            return self._speak(folder)
        finally:
            model.train(training)

    def _speak(self, folder: Path) -> dict[str, float]:
        folder.mkdir(parents=True, exist_ok=True)
        rate = self.speaker.sample_rate
        spoken = self.speaker.speak(
            [item.text for item in self.items],
            [item.voice for item in self.items],
            seed=list(range(len(self.items))),
            solver=SolverSettings(self.settings.nfe, few_steps=bool(self.speaker.model.config.transformer.few_steps)),
        )
        pairs = []
        for number, (item, speech) in enumerate(zip(self.items, spoken, strict=True)):
            speech.save(folder / f"{number:02d}.wav")
            prompt = Recording(read_clip(item.prompt, rate), rate)
            pairs.append(Pair(prompt, Recording(speech.waveform, rate), item.text, item.prompt.language))
        return self.sample_metrics.means(pairs)

    def _voice(self, utterance: Clip) -> Voice:
        if not utterance.is_part:
            return self.speaker.voice(str(utterance.path), utterance.transcript)
        rate = self.speaker.sample_rate
        return self.speaker.voice(read_clip(utterance, rate), utterance.transcript, rate)

    def _voices(self, utterances: list[Clip]) -> list[tuple[Clip, Voice]]:
        """Prompts of a good length, from as many speakers as there are, in an order that does not change."""
        by_speaker: dict[str, list[Clip]] = {}
        for utterance in utterances:
            if utterance.transcript and lasts_at_most(utterance, self.settings.prompt_seconds):
                by_speaker.setdefault(utterance.columns.get("speaker", ""), []).append(utterance)
        rounds = itertools.zip_longest(*by_speaker.values())
        voices: list[tuple[Clip, Voice]] = []
        for utterance in (u for turn in rounds for u in turn if u is not None):
            try:
                voices.append((utterance, self._voice(utterance)))
            except (AudioError, TextError):  # too short to be a prompt, or with characters that the model lacks
                continue
            if len(voices) == self.settings.count:
                break
        if not voices:
            raise DataError(
                f"samples: no validation utterance of up to {self.settings.prompt_seconds:g} s can be a prompt; raise "
                "samples.prompt_seconds, or set samples.every=0"
            )
        return voices

    def _item(self, number: int, prompt: Clip, voice: Voice, texts: list[str]) -> "_Item":
        """The next text that is not the prompt's own and that fits at its speaking rate."""
        begin = number * max(1, len(texts) // self.settings.count)
        for text in texts[begin % len(texts) :] + texts[: begin % len(texts)]:
            try:
                self.speaker.check(text, voice)
            except TextError:
                continue
            if text != prompt.transcript:
                return _Item(prompt, voice, text)
        raise DataError(
            f"samples: none of {len(texts)} texts can be spoken with {prompt.path}; name others by samples.texts"
        )


@dataclass
class _Item:
    prompt: Clip
    voice: Voice
    text: str


def _texts(utterances: list[Clip], settings: SampleSettings) -> list[str]:
    if settings.texts:
        texts = [line.strip() for line in read_text(Path(settings.texts)).splitlines() if line.strip()]
    else:
        texts = [u.transcript or "" for u in sentences(utterances)]
    if not texts:
        raise DataError("samples: there are no texts to speak; name a file with samples.texts")
    return texts
