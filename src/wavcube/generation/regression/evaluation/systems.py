"""Systems under evaluation that get a mixture, and are measured against what is clean in it."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from wavcube.audio.io import load_audio
from wavcube.errors import ConfigError
from wavcube.evaluation.metric import Recording
from wavcube.evaluation.systems import EVALUATION_RATE, System
from wavcube.generation.regression.masks import oracle_mask
from wavcube.hashing import fingerprint_file


class MixtureSystem(System):
    """A system that is given mixtures; `mixtures` has their paths by the utterances' names."""

    def __init__(self, mixtures: Mapping[str, Path]) -> None:
        self.mixtures = mixtures

    def fingerprint_for(self, name: str) -> str:
        return f"{self.fingerprint} {fingerprint_file(self.mixtures[name])}"

    def reconstruct(self, originals: Sequence[Recording]) -> list[Recording]:
        found = []
        for original in originals:
            mixture = load_audio(self.mixtures[original.name], EVALUATION_RATE)
            made = self.process(mixture, original.at(EVALUATION_RATE), original.name)
            found.append(Recording(made, EVALUATION_RATE, original.name))
        return found

    @abstractmethod
    def process(self, mixture: np.ndarray, clean: np.ndarray, name: str) -> np.ndarray:
        """A waveform [S] of the mixture [S] of an utterance; the clean one is for oracles alone."""


class OracleMask(MixtureSystem):
    """See `oracle_mask`."""

    name = "oracle-mask"
    fingerprint = "oracle mask 1"
    title = "the best mask from 0 to 1 on the spectrum, made from the truth"

    def process(self, mixture: np.ndarray, clean: np.ndarray, name: str) -> np.ndarray:
        size = min(len(mixture), len(clean))
        return oracle_mask(torch.from_numpy(mixture[:size]), torch.from_numpy(clean[:size])).numpy()


def system_name(folder: str, query: str, packaged: str) -> str:
    """What tables call a model; `packaged` is the name of the one that comes with the package."""
    name = packaged if folder == "packaged" else folder.rstrip("/").rsplit("/", 1)[-1]
    return f"{name}?{query}" if query else name


def query_options(query: str, defaults: Mapping[str, float]) -> dict[str, float]:
    """Options with values from 0 to 1, from text such as "strength=0.7&decoded=1", over `defaults`.

    Raises:
        ConfigError: an option that does not exist, or another value.
    """
    found = dict(defaults)
    for text in filter(None, query.split("&")):
        option, _, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if option not in defaults or not 0 <= number <= 1:
            raise ConfigError(f"option {text!r} should be one of {', '.join(defaults)} with a value from 0 to 1")
        found[option] = number
    return found
