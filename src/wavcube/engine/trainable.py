"""The interface of the training loop: a task is an `Objective` (networks and losses), batches, and validations.

The loop uses nothing else of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from wavcube.engine.config import AdversarialConfig

DiscriminatorFn = Callable[[Tensor], Any]
"""Discriminators of a waveform [B, S]; what they give is between the objective and them."""

Logs = dict[str, Tensor]
"""Scalars by name, detached."""


class Objective(nn.Module, ABC):
    """Networks and what they should learn.

    Attributes:
        networks: everything that a step needs; called once a batch with what `inputs` gives. Parameters that do not
            train, or that no loss reaches, do not require gradients.
        discriminator: trained beside the networks, as `adversarial` says; None for an objective without.
        dynamic_shapes: batches differ in length, for torch.compile.
    """

    networks: nn.Module
    discriminator: nn.Module | None
    adversarial: AdversarialConfig
    dynamic_shapes = False

    def __init__(self) -> None:
        super().__init__()
        self.discriminator = None
        self.adversarial = AdversarialConfig()

    @abstractmethod
    def inputs(self, batch: Any) -> dict[str, Any]:
        """Arguments of `networks.forward` for a batch on the device."""

    @abstractmethod
    def loss(self, batch: Any, output: Any, discriminate: DiscriminatorFn | None) -> tuple[Tensor, Logs]:
        """The loss of the networks; `discriminate` is None while no discriminators take part."""

    def discriminator_loss(self, batch: Any, output: Any, discriminate: DiscriminatorFn) -> tuple[Tensor, Logs]:
        """The loss of the discriminators, on output that passes no gradient on."""
        raise NotImplementedError

    def before_saving(self, networks: nn.Module) -> None:
        """Measure with `networks` (wrapped, evaluating, holding what will be saved) what `save` writes beside them.

        Every process calls it.
        """

    @abstractmethod
    def save(self, folder: Path, weights: dict[str, Tensor]) -> None:
        """Write what users load, and what the objective needs to be built again, into an existing folder.

        Args:
            folder: where to.
            weights: the networks' whole state, on the CPU.
        """

    @abstractmethod
    def export(self, checkpoint: Path, folder: Path) -> None:
        """Write what is left for users of a finished run's last checkpoint."""


class Batches(Protocol):
    """Endless batches for one process, and a position that can be saved and returned to.

    A batch has `to(device, non_blocking=...)`.
    """

    def __iter__(self) -> Iterator[Any]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a saved position.

        Raises:
            DataError: it is one in other data.
        """

    def go_on_with_other_data(self, state: dict[str, Any]) -> str:
        """Go on where `load_state_dict` cannot return to; the result names the place."""
        ...


@dataclass
class Measured:
    """What a validation found.

    Attributes:
        values: by the names that logs have, "validation/mel" and the like.
        best_by: name of the value whose lowest marks the best checkpoint; None where this validation does not decide.
        clips: (name, recording [S], decoded [S]) at 16 kHz to be shown.
        note: for the terminal.
    """

    values: dict[str, float]
    best_by: str | None = None
    clips: list[tuple[str, Tensor, Tensor]] = field(default_factory=list)
    note: str = ""


class Validation(ABC):
    """Measures the networks now and then.

    Attributes:
        every: steps from one to the next; it is also done at the end. 0 for never.
        at_start: also before the first step.
    """

    every: int
    at_start: bool = False

    @abstractmethod
    def measure(self, networks: nn.Module, step: int) -> Measured:
        """Measure `networks` (the wrapped ones of the objective, evaluating); every process has to call this."""


@dataclass
class Trainable:
    """A task, ready to train.

    Attributes:
        objective: networks and losses.
        batches: to learn from.
        batch_seconds: of audio in one batch of one process, on average.
        validations: what is measured on the way.
        data: what is learnt from, for logs.
        bad_recordings: how many could not be used so far.
    """

    objective: Objective
    batches: Batches
    batch_seconds: float
    validations: Sequence[Validation] = ()
    data: str = ""
    bad_recordings: Callable[[], int] = lambda: 0
