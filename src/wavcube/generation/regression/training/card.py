"""What the cards of all tools say."""

from pathlib import Path

from wavcube.data.config import SourceConfig
from wavcube.generation.regression.model import LatentRegressor
from wavcube.generation.regression.training.config import RegressionTrainConfig


def source_names(sources: list[SourceConfig]) -> str:
    return ", ".join(
        Path(source.path).name + "".join(f" ({column} {values})" for column, values in source.where.items())
        for source in sources
    )  # fmt: skip


def size(model: LatentRegressor) -> str:
    """Parameters and shape of the transformer."""
    kind, millions = model.config.transformer, sum(parameter.numel() for parameter in model.parameters()) / 1e6
    return f"{millions:.1f} M parameters (width {kind.width}, {kind.layers} layers)"


def schedule(config: RegressionTrainConfig) -> str:
    """Updates and mixtures."""
    batches = config.batches
    pool = f"a pool of {batches.pool} mixtures" if batches.pool else "new mixtures in every step"
    each = f"{batches.mixtures} mixtures of {batches.seconds:g} s"
    return f"{config.optimizer.steps} updates of {each} a device, from {pool}"
