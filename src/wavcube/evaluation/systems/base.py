"""The interface of systems under evaluation: anything that reconstructs recordings."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from wavcube.data.clip import Clip
from wavcube.evaluation.metric import Recording

EVALUATION_RATE = 16_000
"""All systems get, and are evaluated on, speech at this rate, in Hz: that of WavCube and of the field's metrics."""


class System(ABC):
    """A model, codec or baseline under evaluation.

    Attributes:
        name: in tables, and in the files of results.
        fingerprint: equal for two systems only if they give the same reconstructions.
        title: what it is, in words.
    """

    name: str
    fingerprint: str
    title: str

    @abstractmethod
    def reconstruct(self, originals: Sequence[Recording]) -> list[Recording]:
        """A reconstruction of each recording, at any rate, of about the same duration.

        Raises:
            WavCubeError: one of them is beyond the system.
        """

    def check(self, utterances: Sequence[Clip]) -> None:
        """Before any work: raise a WavCubeError if the system cannot serve these utterances."""
        return

    def fingerprint_for(self, name: str) -> str:
        """As `fingerprint`, of what concerns one utterance."""
        return self.fingerprint
