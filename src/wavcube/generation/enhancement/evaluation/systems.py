"""Systems of enhancement under evaluation: each gets the noisy recording, and is measured against the clean one."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from wavcube.audio.io import load_audio
from wavcube.codec import WavCube
from wavcube.errors import ConfigError
from wavcube.evaluation.metric import Recording
from wavcube.evaluation.systems import EVALUATION_RATE, System, load_system
from wavcube.generation.enhancement.evaluation.baselines import oracle_mask, wiener
from wavcube.generation.enhancement.pipeline import Output, SpeechEnhancer
from wavcube.hashing import fingerprint_file

SYSTEMS = """\
FOLDER                  an enhancement model or its run; options as in FOLDER?strength=0.7&masked=1
packaged                the small one that comes with the package, with the same options
noisy                   the noisy recording itself
wiener                  a Wiener filter for steady noise
oracle-mask             the best mask on the spectrum, from the truth
resynthesis             the noisy recording through the first model's WavCube, nothing cleaned
files:FOLDER            results that another program wrote, under the names of the noisy recordings"""


class NoisySystem(System):
    """A system that is given noisy recordings; `noisy` has their paths by the utterances' names."""

    def __init__(self, noisy: Mapping[str, Path]) -> None:
        self.noisy = noisy

    def fingerprint_for(self, name: str) -> str:
        return f"{self.fingerprint} {fingerprint_file(self.noisy[name])}"

    def reconstruct(self, originals: Sequence[Recording]) -> list[Recording]:
        found = []
        for original in originals:
            noisy = load_audio(self.noisy[original.name], EVALUATION_RATE)
            made = self.process(noisy, original.at(EVALUATION_RATE))
            found.append(Recording(made, EVALUATION_RATE, original.name))
        return found

    @abstractmethod
    def process(self, noisy: np.ndarray, clean: np.ndarray) -> np.ndarray:
        """A waveform [S] of the noisy one [S]; the clean one is for oracles alone."""


class Noisy(NoisySystem):
    """Nothing done."""

    name = fingerprint = "noisy"
    title = "the noisy recording"

    def process(self, noisy: np.ndarray, clean: np.ndarray) -> np.ndarray:
        return noisy


class Wiener(NoisySystem):
    """See `wiener`."""

    name = "wiener"
    fingerprint = "wiener 1"
    title = "Wiener filter, noise from each band's quietest tenth"

    def process(self, noisy: np.ndarray, clean: np.ndarray) -> np.ndarray:
        return wiener(torch.from_numpy(noisy)).numpy()


class OracleMask(NoisySystem):
    """See `oracle_mask`."""

    name = "oracle-mask"
    fingerprint = "oracle mask 1"
    title = "the best mask from 0 to 1 on the spectrum, made from the truth"

    def process(self, noisy: np.ndarray, clean: np.ndarray) -> np.ndarray:
        size = min(len(noisy), len(clean))
        return oracle_mask(torch.from_numpy(noisy[:size]), torch.from_numpy(clean[:size])).numpy()


class Resynthesis(NoisySystem):
    """The codec alone: what decoding costs, and gives, without any cleaning."""

    name = "resynthesis"

    def __init__(self, noisy: Mapping[str, Path], codec: WavCube) -> None:
        super().__init__(noisy)
        self.codec = codec
        self.title = "the noisy recording, encoded and decoded"
        self.fingerprint = f"resynthesis {codec.weights_fingerprint()}"

    def process(self, noisy: np.ndarray, clean: np.ndarray) -> np.ndarray:
        return self.codec.reconstruct(noisy, EVALUATION_RATE)[0].float().cpu().numpy()


class Enhanced(NoisySystem):
    """A model."""

    def __init__(
        self,
        noisy: Mapping[str, Path],
        enhancer: SpeechEnhancer,
        name: str,
        strength: float = 1.0,
        output: Output = "decoded",
    ) -> None:
        super().__init__(noisy)
        self.enhancer, self.name, self.strength, self.output = enhancer, name, strength, output
        self.title = f"latents cleaned, {output}, strength {strength:g}"
        self.fingerprint = f"enhanced {enhancer.weights_fingerprint()} {output} {strength} {enhancer.chunking}"

    def process(self, noisy: np.ndarray, clean: np.ndarray) -> np.ndarray:
        return self.enhancer.enhance(noisy, EVALUATION_RATE, strength=self.strength, output=self.output)


def load_enhancement_systems(
    descriptions: Sequence[str], noisy: Mapping[str, Path], codec: str | None = None, device: str = "cpu"
) -> list[System]:
    """The systems that descriptions name (see `SYSTEMS`).

    Raises:
        ConfigError: an option that does not exist, or `resynthesis` without a model before it.
        CheckpointError: no such model.
    """
    plain = {system.name: system for system in (Noisy, Wiener, OracleMask)}
    found: list[System] = []
    used: WavCube | None = None
    for description in descriptions:
        if description in plain:
            found.append(plain[description](noisy))
        elif description == "resynthesis":
            if used is None:
                raise ConfigError("resynthesis is through the WavCube of a model; name the model before it")
            found.append(Resynthesis(noisy, used))
        elif description.startswith("files:"):
            found.append(load_system(description))
        else:
            folder, _, query = description.partition("?")
            options = _options(query)
            enhancer = SpeechEnhancer.from_pretrained(
                None if folder == "packaged" else folder, codec=codec, device=device
            )
            used = enhancer.codec
            found.append(Enhanced(noisy, enhancer, _name(folder, query), *options))
    return found


def _name(folder: str, query: str) -> str:
    name = "wavcube-enhance" if folder == "packaged" else folder.rstrip("/").rsplit("/", 1)[-1]
    return f"{name}?{query}" if query else name


def _options(query: str) -> tuple[float, Output]:
    """Strength and output, from text such as "strength=0.7&masked=1"."""
    strength, output = 1.0, "decoded"
    for text in filter(None, query.split("&")):
        option, _, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if option not in ("strength", "masked") or not 0 <= number <= 1:
            raise ConfigError(f"option {text!r} should be strength=R, with R from 0 to 1, or masked=1")
        if option == "strength":
            strength = number
        elif number:
            output = "masked"
    return strength, "masked" if output == "masked" else "decoded"
