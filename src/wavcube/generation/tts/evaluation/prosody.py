"""Voicing, pitch and loudness of speech beside its prompt's."""

from typing import Any, ClassVar

import numpy as np

from wavcube.evaluation.metric import Measurement, Metric, Pair, Quantity, refuse_silence
from wavcube.evaluation.metrics.f0 import F0
from wavcube.generation.tts.loudness import speech_level

CLIPPED = 0.999
"""A sample of this size or more is at the end of the scale."""


class Prosody(Metric):
    """Share of voiced frames, median and spread of F0, level of speech: each less the prompt's; and clipping.

    The text is another than the prompt's, so a difference of one utterance says little and the mean of many does. True
    recordings of the texts, measured beside the model, show what remains between two recordings of one voice.
    """

    name = "prosody"
    quantities = (
        Quantity("voiced_difference", "voiced frames, less the prompt's", "points", "zero", 1),
        Quantity("pitch_difference", "median F0, less the prompt's", "semitones", "zero", 2),
        Quantity("pitch_spread_difference", "standard deviation of F0, less the prompt's", "semitones", "zero", 2),
        Quantity("level_difference", "level, less the prompt's", "dB", "zero", 1),
        Quantity("clipped", "outputs with clipping", "%", "lower", 1),
    )
    sample_rate = F0.sample_rate
    citation = F0.citation
    compares_samples = False
    packages: ClassVar = F0.packages

    def __init__(self) -> None:
        self._f0 = F0()

    def settings(self) -> dict[str, Any]:
        return {**self._f0.settings(), "share of": "frames from the first voiced one to the last"}

    def measure(self, pair: Pair) -> Measurement:
        refuse_silence(pair)
        found = Measurement()
        tracks = [self._f0.track(recording) for recording in (pair.original, pair.reconstruction)]
        if all(voiced.any() for _, voiced in tracks):
            shares = [100 * voiced_share(voiced) for _, voiced in tracks]
            found.values["voiced_difference"] = shares[1] - shares[0]
            semitones = [12 * np.log2(hz[voiced]) for hz, voiced in tracks]
            found.values["pitch_difference"] = float(np.median(semitones[1]) - np.median(semitones[0]))
            found.values["pitch_spread_difference"] = float(semitones[1].std() - semitones[0].std())
        else:
            for name in ("voiced_difference", "pitch_difference", "pitch_spread_difference"):
                found.undefined[name] = "no voiced frame in prompt or speech"
        levels = [
            speech_level(recording.at(self.sample_rate), self.sample_rate)
            for recording in (pair.original, pair.reconstruction)
        ]
        found.values["level_difference"] = float(20 * np.log10(levels[1] / levels[0]))
        found.values["clipped"] = 100.0 * bool(np.abs(pair.reconstruction.waveform).max() >= CLIPPED)
        return found


def voiced_share(voiced: np.ndarray) -> float:
    """Of the frames [T] from the first voiced one to the last, at least one.

    Silence at the ends does not count: a prompt has some, and of what a model makes it is cut off.
    """
    places = np.flatnonzero(voiced)
    return len(places) / float(places[-1] - places[0] + 1)
