"""Linear heads that distillation leaves beside its student: teacher features from student features."""

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from wavcube.errors import CheckpointError

HEADS = "heads.safetensors"
WEIGHTS = {"last": 1.0, "middle": 0.5, "spectrum": 0.25}
"""How much each head's distance counts in the loss."""


def load_heads(checkpoint: Path) -> dict[str, Tensor]:
    """Weights [outputs, H] of the heads on the student's features, "last" and "spectrum", from a checkpoint folder.

    Raises:
        CheckpointError: it is not of a distillation.
    """
    path = checkpoint / HEADS
    if not path.is_file():
        raise CheckpointError(
            f"{checkpoint}: has no {HEADS}, which model.rrr_init needs; name the run folder of a distillation"
        )
    weights = load_file(path)
    return {name: weights[f"head_{name}.weight"] for name in ("last", "spectrum")}
