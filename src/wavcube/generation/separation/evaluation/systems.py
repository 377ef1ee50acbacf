"""Systems of separation under evaluation: each gets the mixture, and gives the talker that is measured."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from wavcube.audio.io import load_audio
from wavcube.data.clip import Clip
from wavcube.errors import ConfigError, DataError
from wavcube.evaluation.metric import Pair, Recording, Undefined
from wavcube.evaluation.metrics.si_sdr import SISDR
from wavcube.evaluation.systems import EVALUATION_RATE, System, load_system
from wavcube.generation.regression import masks
from wavcube.generation.regression.evaluation.systems import MixtureSystem, OracleMask, query_options, system_name
from wavcube.generation.regression.pipeline import PEAK, Output
from wavcube.generation.separation.evaluation.talkers import Talker
from wavcube.generation.separation.pipeline import SpeechSeparator
from wavcube.hashing import fingerprint_file

SYSTEMS = """\
FOLDER                  a separation model or its run, the recording shared out by masks; options as in
                        FOLDER?decoded=1 (what the decoder makes) and FOLDER?enroll=1 (each talker by its enrolment)
packaged                the small one that comes with the package, with the same options
mixture                 the mixture itself
oracle-mask             the best mask on the spectrum, from the truth
oracle-latents          masks of the talkers' own latents, by the first model's WavCube: what its model could reach
files:FOLDER            results that another program wrote, named for mixture and talker (N-1.wav, N-2.wav)"""

KEPT_MIXTURES = 32
"""Of which both talkers are kept, as they are mostly measured one after the other."""

LEAST_DB = -100.0
"""Stands for the SI-SDR of silence."""


class TalkerSystem(MixtureSystem):
    """A system that is given mixtures and gives a talker of each; `talkers` by the utterances' names."""

    def __init__(self, talkers: Mapping[str, Talker]) -> None:
        super().__init__({name: talker.mixture for name, talker in talkers.items()})
        self.talkers = talkers

    def fingerprint_for(self, name: str) -> str:
        talker = self.talkers[name]
        used = [path for path in (talker.other, talker.enrolment) if path is not None]
        return " ".join([super().fingerprint_for(name), *(fingerprint_file(path) for path in used)])


class Untouched(TalkerSystem):
    """Nothing done."""

    name = fingerprint = "mixture"
    title = "the mixture itself"

    def process(self, mixture: np.ndarray, clean: np.ndarray, name: str) -> np.ndarray:
        return mixture


class TalkerOracleMask(TalkerSystem, OracleMask):
    """`OracleMask` of the talker that is measured."""


class Results(TalkerSystem):
    """Files of another program."""

    def __init__(self, talkers: Mapping[str, Talker], description: str) -> None:
        super().__init__(talkers)
        self.files = load_system(description)
        self.name, self.title, self.fingerprint = self.files.name, self.files.title, self.files.fingerprint

    def fingerprint_for(self, name: str) -> str:
        return f"{super().fingerprint_for(name)} {self.files.fingerprint_for(name)}"

    def check(self, utterances: Sequence[Clip]) -> None:
        self.files.check(utterances)

    def process(self, mixture: np.ndarray, clean: np.ndarray, name: str) -> np.ndarray:
        (made,) = self.files.reconstruct([Recording(clean, EVALUATION_RATE, name)])
        return made.waveform


class _Both(TalkerSystem):
    """A system that gives both talkers of a mixture at once; the order of the better SI-SDR says which is whose."""

    def __init__(self, talkers: Mapping[str, Talker]) -> None:
        super().__init__(talkers)
        self.both = lru_cache(maxsize=KEPT_MIXTURES)(self._both)

    @abstractmethod
    def _both(self, mixture: Path, one: Path, other: Path) -> np.ndarray:
        """The talkers [2, S] of a mixture in any order; `one` and `other` are the truth, for oracles alone."""

    def process(self, mixture: np.ndarray, clean: np.ndarray, name: str) -> np.ndarray:
        talker = self.talkers[name]
        one, other = sorted((talker.own, talker.other))
        made = self.both(talker.mixture, one, other)
        truth = np.stack([load_audio(path, EVALUATION_RATE) for path in (talker.own, talker.other)])
        return made[better_order(made, truth)[0]]


class Separated(_Both):
    """A model without an enrolment."""

    def __init__(self, talkers: Mapping[str, Talker], separator: SpeechSeparator, name: str, output: Output) -> None:
        super().__init__(talkers)
        self.separator, self.name, self.output = separator, name, output
        self.title = f"two latents of the mixture, {output}"
        self.fingerprint = (
            f"separated {separator.weights_fingerprint()} {output} {separator.chunking} {masks.FINGERPRINT}"
        )

    def _both(self, mixture: Path, one: Path, other: Path) -> np.ndarray:
        return self.separator.separate(mixture, output=self.output)


class OracleLatents(_Both):
    """The talkers' own latents, decoded and turned into masks: the most that a model's regression could give."""

    name = "oracle-latents"

    def __init__(self, talkers: Mapping[str, Talker], separator: SpeechSeparator) -> None:
        super().__init__(talkers)
        self.separator = separator
        self.title = "masks of the talkers' own latents"
        self.fingerprint = (
            f"oracle latents {separator.codec.weights_fingerprint()} {separator.chunking} {masks.FINGERPRINT}"
        )

    def _both(self, mixture: Path, one: Path, other: Path) -> np.ndarray:
        mixed, *alone = (torch.from_numpy(load_audio(path, EVALUATION_RATE)) for path in (mixture, one, other))
        gain = PEAK / float(mixed.abs().max())
        latents = [
            torch.cat([values[span.kept] for span, _, values in self.separator.pieces(source * gain)])
            for source in alone
        ]
        return self.separator.waveforms(mixed, torch.stack(latents, 1), "masked")


class Extracted(TalkerSystem):
    """A model with an enrolment of the talker."""

    def __init__(self, talkers: Mapping[str, Talker], separator: SpeechSeparator, name: str, output: Output) -> None:
        super().__init__(talkers)
        self.separator, self.name, self.output = separator, name, output
        self.title = f"the talker by an enrolment, {output}"
        self.fingerprint = (
            f"extracted {separator.weights_fingerprint()} {output} {separator.chunking} {masks.FINGERPRINT}"
        )

    def process(self, mixture: np.ndarray, clean: np.ndarray, name: str) -> np.ndarray:
        enrolment = self.talkers[name].enrolment
        if enrolment is None:
            raise DataError(f"{name} has no enrolment")
        return self.separator.extract(mixture, enrolment, EVALUATION_RATE, output=self.output)


def better_order(made: np.ndarray, truth: np.ndarray) -> tuple[int, int]:
    """Which of two results [2, S] is whose, by the sum of both SI-SDRs against the truth [2, S]."""
    size = min(made.shape[1], truth.shape[1])

    def si_sdr(k: int, which: int) -> float:
        alone, result = (Recording(values[:size], EVALUATION_RATE) for values in (truth[k], made[which]))
        try:
            return SISDR().measure(Pair(alone, result)).values[SISDR.name]
        except Undefined as reason:
            return -LEAST_DB if str(reason).startswith("infinite") else LEAST_DB

    straight, exchanged = si_sdr(0, 0) + si_sdr(1, 1), si_sdr(0, 1) + si_sdr(1, 0)
    return (0, 1) if straight >= exchanged else (1, 0)


def load_separation_systems(
    descriptions: Sequence[str], talkers: Mapping[str, Talker], codec: str | None = None, device: str = "cpu"
) -> list[System]:
    """The systems that descriptions name (see `SYSTEMS`).

    Raises:
        ConfigError: an option that does not exist, or `oracle-latents` without a model before it.
        CheckpointError: no such model.
        DataError: enrolments are asked for, and the list has none.
    """
    plain = {system.name: system for system in (Untouched, TalkerOracleMask)}
    found: list[System] = []
    models: dict[str, SpeechSeparator] = {}
    for description in descriptions:
        if description in plain:
            found.append(plain[description](talkers))
        elif description == OracleLatents.name:
            if not models:
                raise ConfigError("oracle-latents are of a model's WavCube; name the model before it")
            found.append(OracleLatents(talkers, next(iter(models.values()))))
        elif description.startswith("files:"):
            found.append(Results(talkers, description))
        else:
            folder, _, query = description.partition("?")
            options = query_options(query, {"decoded": 0.0, "enroll": 0.0})
            if options["enroll"] and not any(talker.enrolment for talker in talkers.values()):
                raise DataError(
                    f"{description}: no mixture has an enrolment; the list needs columns enrolment1, enrolment2"
                )
            if folder not in models:
                source = None if folder == "packaged" else folder
                models[folder] = SpeechSeparator.from_pretrained(source, codec=codec, device=device)
            kind = Extracted if options["enroll"] else Separated
            output: Output = "decoded" if options["decoded"] else "masked"
            found.append(kind(talkers, models[folder], system_name(folder, query, "wavcube-separate"), output))
    return found
