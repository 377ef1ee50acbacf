"""Some minutes of the training data, on which closed forms are found."""

import numpy as np

from wavcube.data.streaming import build_loader
from wavcube.training.config import TrainConfig


def training_speech(config: TrainConfig) -> list[np.ndarray]:
    """Training crops [S] at 16 kHz of `model.closed_form_seconds`; every process gets the same."""
    samples = round(config.loader.crop_seconds * 16_000)
    loader = build_loader(
        config.data,
        crop_samples=samples,
        batch_size=config.loader.batch_size,
        seed=config.run.seed + 2,
        rank=0,
        world_size=1,
        workers=0,
        train=True,
    )
    found: list[np.ndarray] = []
    for batch in loader:
        found += [row[:length] for row, length in zip(batch.waveform.numpy(), batch.lengths.tolist(), strict=True)]
        if sum(map(len, found)) >= config.model.closed_form_seconds * 16_000:
            break
    return found
