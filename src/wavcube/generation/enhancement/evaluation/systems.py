"""Systems of enhancement under evaluation: each gets the noisy recording, and is measured against the clean one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from wavcube.codec import WavCube
from wavcube.errors import ConfigError
from wavcube.evaluation.systems import EVALUATION_RATE, System, load_system
from wavcube.generation.enhancement.evaluation.baselines import wiener
from wavcube.generation.enhancement.pipeline import SpeechEnhancer
from wavcube.generation.regression.evaluation.systems import MixtureSystem, OracleMask, query_options, system_name
from wavcube.generation.regression.masks import FINGERPRINT
from wavcube.generation.regression.pipeline import Output

SYSTEMS = """\
FOLDER                  an enhancement model or its run; options as in FOLDER?strength=0.7&decoded=1
packaged                the small one that comes with the package, with the same options
noisy                   the noisy recording itself
wiener                  a Wiener filter for steady noise
oracle-mask             the best mask on the spectrum, from the truth
resynthesis             the noisy recording through the first model's WavCube, nothing cleaned
files:FOLDER            results that another program wrote, under the names of the noisy recordings"""


class Noisy(MixtureSystem):
    """Nothing done."""

    name = fingerprint = "noisy"
    title = "the noisy recording"

    def process(self, mixture: np.ndarray, clean: np.ndarray, name: str) -> np.ndarray:
        return mixture


class Wiener(MixtureSystem):
    """See `wiener`."""

    name = "wiener"
    fingerprint = "wiener 1"
    title = "Wiener filter, noise from each band's quietest tenth"

    def process(self, mixture: np.ndarray, clean: np.ndarray, name: str) -> np.ndarray:
        return wiener(torch.from_numpy(mixture)).numpy()


class Resynthesis(MixtureSystem):
    """The codec alone: what decoding costs, and gives, without any cleaning."""

    name = "resynthesis"

    def __init__(self, noisy: Mapping[str, Path], codec: WavCube) -> None:
        super().__init__(noisy)
        self.codec = codec
        self.title = "the noisy recording, encoded and decoded"
        self.fingerprint = f"resynthesis {codec.weights_fingerprint()}"

    def process(self, mixture: np.ndarray, clean: np.ndarray, name: str) -> np.ndarray:
        return self.codec.reconstruct(mixture, EVALUATION_RATE)[0].float().cpu().numpy()


class Enhanced(MixtureSystem):
    """A model."""

    def __init__(
        self,
        noisy: Mapping[str, Path],
        enhancer: SpeechEnhancer,
        name: str,
        strength: float = 1.0,
        output: Output = "masked",
    ) -> None:
        super().__init__(noisy)
        self.enhancer, self.name, self.strength, self.output = enhancer, name, strength, output
        self.title = f"latents cleaned, {output}, strength {strength:g}"
        self.fingerprint = (
            f"enhanced {enhancer.weights_fingerprint()} {output} {strength} {enhancer.chunking} {FINGERPRINT}"
        )

    def process(self, mixture: np.ndarray, clean: np.ndarray, name: str) -> np.ndarray:
        return self.enhancer.enhance(mixture, EVALUATION_RATE, strength=self.strength, output=self.output)


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
            options = query_options(query, {"strength": 1.0, "decoded": 0.0})
            output: Output = "decoded" if options["decoded"] else "masked"
            enhancer = SpeechEnhancer.from_pretrained(
                None if folder == "packaged" else folder, codec=codec, device=device
            )
            used = enhancer.codec
            name = system_name(folder, query, "wavcube-enhance")
            found.append(Enhanced(noisy, enhancer, name, options["strength"], output))
    return found
