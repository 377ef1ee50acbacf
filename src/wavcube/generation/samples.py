"""Sentences that a model speaks while it trains, to hear and to count errors in."""

from pathlib import Path

import numpy as np
import torch

from wavcube.audio import load_audio
from wavcube.errors import DataError, WavCubeError
from wavcube.generation.model import SpeechFlow
from wavcube.generation.representation import Representation
from wavcube.generation.settings import SampleSettings
from wavcube.generation.solver import SolverSettings
from wavcube.generation.speak import TextToSpeech
from wavcube.generation.text import TextError
from wavcube.reconstruction.metrics import ChosenMetrics, Metric, MetricOptions, Pair, Recording, choose_metrics
from wavcube.reconstruction.utterances import Utterance

SHORTEST_PROMPT_S = 1.2


class SampleSpeaker:
    """Speaks the same sentences with the same voices every time.

    Args:
        model: as it trains.
        representation: the way from its frames to speech.
        utterances: of the validation data; voices, and texts where the settings name no file.
        settings: how many, and who judges.

    Raises:
        DataError: no utterance can be a prompt, or the file of texts is missing or empty.
        WavCubeError: a recogniser or speaker encoder that is wanted cannot be had.
    """

    def __init__(
        self, model: SpeechFlow, representation: Representation, utterances: list[Utterance], settings: SampleSettings
    ) -> None:
        self.settings = settings
        self.speaker = TextToSpeech(model, representation)
        self.prompts = _prompts(utterances, settings)
        self.texts = _texts(utterances, self.prompts, settings)
        self.metrics = _metrics(settings)

    def speak(self, folder: Path) -> dict[str, float]:
        """Write the sentences to `folder` as 00.wav, 01.wav, ...; returns means of what is measured, by name.

        The model is in evaluation mode inside, and as it was after it; nothing random is drawn from the generators
        that training uses.
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
        solver = SolverSettings(self.settings.evaluations)
        found: dict[str, list[float]] = {}
        for number, (prompt, text) in enumerate(zip(self.prompts, self.texts, strict=True)):
            with torch.random.fork_rng([]):  # recognisers may draw
                voice = self.speaker.voice(str(prompt.path), prompt.transcript)
                try:
                    speech = self.speaker.speak(text, voice, seed=number, solver=solver)
                except TextError:  # a slow prompt and a long text: another pair would be another measure
                    continue
                speech.save(folder / f"{number:02d}.wav")
                pair = Pair(
                    Recording(load_audio(prompt.path, rate), rate),
                    Recording(speech.waveform, rate),
                    text,
                    prompt.language,
                )
                for metric in self.metrics:
                    for name, value in metric(pair).values.items():
                        found.setdefault(name, []).append(value)
        names = [quantity.name for metric in self.metrics for quantity in metric.quantities if not quantity.ratio]
        return {name: float(np.mean(found[name])) for name in names if name in found}


def _prompts(utterances: list[Utterance], settings: SampleSettings) -> list[Utterance]:
    """Clips of a good length, from as many speakers as there are, in an order that does not change."""
    fit = [u for u in utterances if u.transcript and SHORTEST_PROMPT_S <= u.seconds <= settings.prompt_seconds]
    if not fit:
        raise DataError(
            f"samples: no validation utterance lasts {SHORTEST_PROMPT_S:g} to {settings.prompt_seconds:g} s to be a "
            "prompt; raise samples.prompt_seconds, or set samples.every=0"
        )
    by_speaker: dict[str, list[Utterance]] = {}
    for utterance in fit:
        by_speaker.setdefault(utterance.columns.get("speaker", ""), []).append(utterance)
    rounds = [
        group[i] for i in range(max(map(len, by_speaker.values()))) for group in by_speaker.values() if i < len(group)
    ]
    return [rounds[i % len(rounds)] for i in range(settings.count)]


def _texts(utterances: list[Utterance], prompts: list[Utterance], settings: SampleSettings) -> list[str]:
    if settings.texts:
        try:
            lines = [line.strip() for line in Path(settings.texts).read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"samples.texts: {settings.texts} cannot be read ({error})") from error
        texts = [line for line in lines if line]
    else:
        texts = [u.transcript for u in utterances if u.transcript and 2.0 <= u.seconds <= 10.0]
        texts = texts or [u.transcript for u in utterances if u.transcript]
    if not texts:
        raise DataError("samples: there are no texts to speak; name a file with samples.texts")
    # Spread over the list, and never a prompt's own text where that can be.
    step = max(1, len(texts) // len(prompts))
    chosen = []
    for number, prompt in enumerate(prompts):
        others = [text for text in texts if text != prompt.transcript] or texts
        chosen.append(others[(number * step + 1) % len(others)])
    return chosen


def _metrics(settings: SampleSettings) -> list[Metric]:
    names = [name for name, given in (("wer", settings.recogniser), ("speaker", settings.speaker)) if given]
    options = MetricOptions(speaker=settings.speaker or None, recogniser=settings.recogniser or None)
    chosen: ChosenMetrics = choose_metrics(names, options)
    if chosen.skipped:
        name, reason = next(iter(chosen.skipped.items()))
        raise WavCubeError(f"samples: {name} cannot be measured: {reason}")
    return chosen.metrics
