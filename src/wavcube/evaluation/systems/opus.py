"""Opus at a low bit rate: the codec that the world speaks through."""

import io
from collections.abc import Sequence

import numpy as np
import soundfile

from wavcube.audio.io import as_mono
from wavcube.errors import ConfigError, MissingDependencyError
from wavcube.evaluation.metric import Recording
from wavcube.evaluation.systems.base import EVALUATION_RATE, System

LOWEST_KBPS, HIGHEST_KBPS = 6, 256
"""Ends of libsndfile's scale of compression levels for one channel; it is linear in the bit rate between them."""


class Opus(System):
    """libopus with variable bit rate through libsndfile.

    The rate asked for is a target: what came out is measured (with its Ogg container, some 1.4 kb/s) and reported.
    """

    def __init__(self, kbps: int) -> None:
        if not LOWEST_KBPS <= kbps <= HIGHEST_KBPS:
            raise ConfigError(f"opus-{kbps}: Opus runs at {LOWEST_KBPS} to {HIGHEST_KBPS} kb/s here")
        if "OPUS" not in soundfile.available_subtypes("OGG"):
            raise MissingDependencyError(
                f"opus-{kbps}: this libsndfile ({soundfile.__libsndfile_version__}) does not write Opus; "
                "install soundfile's own wheel, which brings one that does: pip install --force-reinstall soundfile"
            )
        self.name = f"opus-{kbps}"
        self.title = f"Opus, target {kbps} kb/s"
        self.fingerprint = f"{self.name} libsndfile {soundfile.__libsndfile_version__}"
        self._level = (HIGHEST_KBPS - kbps) / (HIGHEST_KBPS - LOWEST_KBPS)

    def reconstruct(self, originals: Sequence[Recording]) -> list[Recording]:
        return [self._code(original) for original in originals]

    def _code(self, original: Recording) -> Recording:
        stream = io.BytesIO()
        speech = original.at(EVALUATION_RATE)
        soundfile.write(stream, speech, EVALUATION_RATE, "OPUS", format="OGG", compression_level=self._level)
        bits = 8 * stream.tell()
        stream.seek(0)
        decoded, sample_rate = soundfile.read(stream, dtype="float32")
        waveform = as_mono(np.asarray(decoded), sample_rate, EVALUATION_RATE)
        return Recording(waveform, EVALUATION_RATE, original.name, bits)
