"""`LatentRegressor`: the base of networks that regress latents from features and latents of a mixture."""

from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from wavcube.codec.checkpoint.meta_init import meta_init
from wavcube.errors import CheckpointError, ConfigError
from wavcube.generation.flow.frame_transformer import FrameTransformer
from wavcube.generation.flow.model_folder import (
    CONFIG,
    find_model_folder,
    load_weights,
    read_weights,
    write_model_folder,
)
from wavcube.generation.regression.config import RegressorConfig
from wavcube.generation.regression.spans import Span, spans

STATISTICS = ("latent_mean", "latent_std", "feature_mean", "feature_std")
"""Of the training data; they stay float32."""

CONTEXT_SHARE = 0.25
"""Of a window, so much at each end is context only, where it is not an end of the speech."""


class LatentRegressor(nn.Module):
    """A transformer over frames of a mixture, with the statistics that its inputs and outputs are normalised by.

    Attributes:
        config_type: the class of the configuration.
        title: what errors call the model.
        packaged: the folder of the model that comes with the package.
        outputs: latents that it gives for each frame.
        flags: channels of a frame beside features and latent.
        latent_mean, latent_std: [C] of clean latents.
        feature_mean, feature_std: [H] of the features of mixtures.
    """

    config_type: ClassVar[type[RegressorConfig]]
    title: ClassVar[str]
    packaged: ClassVar[Path]
    outputs: ClassVar[int] = 1
    flags: ClassVar[int] = 0
    latent_mean: Tensor
    latent_std: Tensor
    feature_mean: Tensor
    feature_std: Tensor

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        channels = config.representation.channels
        inputs = config.features + channels + self.flags
        self.transformer = FrameTransformer(inputs, self.outputs * channels, config.transformer)
        for name, size in (("latent", channels), ("feature", config.features)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))

    @property
    def device(self) -> torch.device:
        return self.latent_mean.device

    def normalise(self, latents: Tensor) -> Tensor:
        """Latents [..., C] -> zero mean and unit variance over clean training speech."""
        return (latents - self.latent_mean) / self.latent_std

    def frames(self, features: Tensor, latents: Tensor) -> Tensor:
        """Normalised features [..., T, H] and latents [..., T, C] side by side."""
        return torch.cat([(features - self.feature_mean) / self.feature_std, self.normalise(latents)], -1)

    def windows(self, total: int) -> list[Span]:
        """So many frames in windows as long as the training's, which overlap; one where they all fit."""
        window = max(4, round(self.config.window_seconds * self.config.representation.frame_rate))
        context = round(CONTEXT_SHARE * window) if total > window else 0
        return spans(total, window - 2 * context, context)

    @classmethod
    def find(cls, name: str | Path) -> Path:
        """The folder of a model, where `name` may also be the folder of a training run, or "packaged".

        Raises:
            CheckpointError: there is none.
        """
        return find_model_folder(cls.packaged if name == "packaged" else Path(name), cls.title)

    @classmethod
    def config_of(cls, name: str | Path) -> Any:
        """The configuration of a model, see `find`.

        Raises:
            CheckpointError: there is no such model, or its configuration is damaged.
        """
        try:
            return cls.config_type.load(cls.find(name) / CONFIG)
        except ConfigError as error:
            raise CheckpointError(str(error)) from error

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str | torch.device = "cpu") -> Self:
        """Load what `save_pretrained` wrote, in evaluation mode, float32; what `folder` may be, see `find`.

        Raises:
            CheckpointError: the folder holds no such model, or its weights are damaged or do not fit.
        """
        folder = cls.find(folder)
        with meta_init():
            model = cls(cls.config_of(folder))
        load_weights(model, read_weights(folder), folder)
        return model.to(device).eval()

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype | None = None) -> None:
        """Write config.json and model.safetensors, weights in `dtype` (statistics stay float32)."""
        write_model_folder(folder, self.config, self.state_dict(), dtype, STATISTICS)
