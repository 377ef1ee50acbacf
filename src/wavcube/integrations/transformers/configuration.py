"""The configuration of a WavCube as one of transformers; its file is the checkpoint's config.json."""

from typing import Any, Self

from transformers import PreTrainedConfig

from wavcube.codec.blocks.precision import as_dtype
from wavcube.codec.checkpoint.shared_folder import ENTRIES, NAMES, TRANSFORMERS_KEYS
from wavcube.codec.config import WavCubeConfig
from wavcube.errors import ConfigError
from wavcube.framing import HOP_LENGTH, SAMPLE_RATE


class WavCubeModelConfig(PreTrainedConfig):
    """Settings of a WavCube: those of `wavcube.WavCubeConfig`, as attributes of the same names.

    Args:
        encoder, bottleneck, decoder: groups of settings, as dictionaries or dataclasses; by default the paper's.
        stage, restorer, teacher: see `wavcube.WavCubeConfig`.
        identity, fingerprint: the name of the latent space, and of the weights that were given it.

    Raises:
        ConfigError: an unknown key or an impossible value.
    """

    model_type = "wavcube"

    def __init__(
        self,
        encoder: Any = None,
        bottleneck: Any = None,
        decoder: Any = None,
        stage: int = 2,
        restorer: bool = False,
        teacher: bool = False,
        identity: str | None = None,
        fingerprint: str | None = None,
        **options: Any,
    ) -> None:
        options.pop("format", None)
        if options.get("dtype") not in (None, "auto"):
            options["dtype"] = as_dtype(options["dtype"])
        for key in options:
            # transformers hands over settings of its own as well, some of which only one of its versions has.
            theirs = key.startswith("_") or key.endswith(("_implementation", "name_or_path"))
            if key not in TRANSFORMERS_KEYS and not theirs:
                raise ConfigError(f"unknown key {key} in the configuration of a WavCube")
        groups = {"encoder": encoder, "bottleneck": bottleneck, "decoder": decoder}
        given = {name: group for name, group in groups.items() if group is not None}
        settings = WavCubeConfig.from_dict({**given, "stage": stage, "restorer": restorer, "teacher": teacher})
        self.encoder, self.bottleneck, self.decoder = settings.encoder, settings.bottleneck, settings.decoder
        self.stage, self.restorer, self.teacher = stage, restorer, teacher
        self.identity, self.fingerprint = identity, fingerprint
        super().__init__(**options)

    @classmethod
    def of(cls, settings: WavCubeConfig, **options: Any) -> Self:
        """The same settings as the package's own configuration."""
        values = settings.to_dict()
        return cls(**values, **options)

    @property
    def settings(self) -> WavCubeConfig:
        """The package's own configuration."""
        names = ("encoder", "bottleneck", "decoder", "stage", "restorer", "teacher")
        return WavCubeConfig.from_dict({name: getattr(self, name) for name in names})

    @property
    def sampling_rate(self) -> int:
        """Hz."""
        return SAMPLE_RATE

    @property
    def frame_rate(self) -> int:
        """Latent frames a second."""
        return self.bottleneck.frame_rate

    @property
    def hop_length(self) -> int:
        """Samples to a latent frame."""
        return HOP_LENGTH * self.bottleneck.pooling

    @property
    def latent_dim(self) -> int:
        """Channels of the latent."""
        return self.bottleneck.latent_dim

    @property
    def hidden_size(self) -> int:
        """Channels of the latent, under the name by which other models are put on top of this one."""
        return self.bottleneck.latent_dim

    @property
    def restored_width(self) -> int:
        return self.settings.restored_width

    def get_text_config(self, decoder: bool | None = None, encoder: bool | None = None) -> Self:
        """The configuration itself: `encoder` and `decoder` here are no models of text."""
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in config.json."""
        return {**super().to_dict(), **self._file_entries()}

    def to_diff_dict(self) -> dict[str, Any]:
        """What config.json holds: all settings, so that other defaults of a later version change nothing."""
        return {**super().to_diff_dict(), **self._file_entries()}

    def _file_entries(self) -> dict[str, Any]:
        names = {name: getattr(self, name) for name in NAMES if getattr(self, name) is not None}
        return {**self.settings.to_dict(), **ENTRIES, **names}

    @classmethod
    def register_for_auto_class(cls, auto_class: str = "AutoConfig") -> None:
        """Nothing to do: the folder's own module imports the package, and no source file is copied into folders."""
