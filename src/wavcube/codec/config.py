"""The configuration of a model: one tree of typed dataclasses that is also its `config.json`.

An unknown key, a missing key or an impossible value is a `ConfigError` that names it, so that a typo never becomes
another model.
"""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from wavcube.codec.checkpoint.shared_folder import NAMES, TRANSFORMERS_KEYS
from wavcube.codec.encoder_config import EncoderConfig
from wavcube.configuration.aliases import DECODER, with_new_names
from wavcube.configuration.settings import from_dict, read_config, require, require_positive
from wavcube.errors import ConfigError


@dataclass(frozen=True)
class BottleneckConfig:
    """The semantic compressor and its mirror image, the restorer."""

    kind: Literal["ae", "vae", "sigma-vae"] = "ae"
    compressor: Literal["transformer", "linear"] = "transformer"
    """"linear": one linear map, which can be found in closed form, in the place of layers and projection."""
    restorer: Literal["transformer", "linear"] = "transformer"
    """"linear": one linear map to the encoder's last layer alone, which can be found in closed form as well."""
    latent_dim: int = 128
    layers: int = 3
    """Transformer layers of the encoder's kind, in the compressor and in the restorer each, where these have layers."""
    frame_rate: Literal[50, 25] = 50
    """Hz. At 25, pairs of frames are averaged before the projection."""
    sigma: float = 0.5
    """sigma-VAE: scale of the noise added in training."""
    random_sigma: bool = True
    """sigma-VAE: the scale itself is drawn for each item from a normal distribution of scale `sigma`."""

    def __post_init__(self) -> None:
        require_positive("bottleneck", self, "latent_dim")
        require(self.layers >= 0, f"bottleneck: layers {self.layers} must be >= 0")
        require(0 <= self.sigma < math.inf, f"bottleneck: sigma {self.sigma} must be >= 0")

    @property
    def pooling(self) -> int:
        """Feature frames to one latent frame."""
        return 50 // self.frame_rate


@dataclass(frozen=True)
class VocoderConfig:
    """The second half of the acoustic decoder: 100 Hz frames to a waveform by an inverse STFT."""

    width: int = 256
    layers: int = 16
    heads: int = 16
    feed_forward: int = 1024
    left_context: int = 40
    right_context: int = 10
    """Frames (10 ms) that attention sees to both sides."""
    n_fft: int = 640
    hop_length: int = 160
    head: Literal["polar", "cartesian"] = "polar"
    """What the last layer gives of the spectrum: logarithm of the magnitude and phase, as published, or real and
    imaginary parts, which losses on the waveform teach much faster."""

    def __post_init__(self) -> None:
        require_positive("vocoder", self, "width", "heads", "feed_forward")
        require(self.layers >= 0, f"vocoder: layers {self.layers} must be >= 0")
        require(self.width % self.heads == 0, f"vocoder: width {self.width} is no multiple of heads {self.heads}")
        require((self.width // self.heads) % 2 == 0, "vocoder: width / heads must be even for rotary positions")
        require(
            self.hop_length == 160,
            f"vocoder: hop_length {self.hop_length} must be 160, two frames to each frame of 50 Hz",
        )
        require(
            self.n_fft % self.hop_length == 0
            and self.n_fft // self.hop_length >= 2
            and (self.n_fft - self.hop_length) % 2 == 0,
            f"vocoder: n_fft {self.n_fft} must be an even multiple of hop_length {self.hop_length}, at least twice it",
        )
        require(self.left_context >= 0 and self.right_context >= 0, "vocoder: the attention window must be >= 0")


@dataclass(frozen=True)
class SourceFilterConfig:
    """The source-filter decoder: convolutional blocks at 50 Hz and at 200 Hz."""

    width: int = 384
    layers: int = 5
    feed_forward: int = 1152
    fine_width: int = 192
    fine_layers: int = 4
    fine_feed_forward: int = 576
    """Of the blocks at 200 Hz."""

    def __post_init__(self) -> None:
        names = ("width", "feed_forward", "fine_width", "fine_feed_forward")
        require_positive("source_filter", self, *names)
        for name in ("layers", "fine_layers"):
            require(getattr(self, name) >= 0, f"source_filter: {name} {getattr(self, name)} must be >= 0")


@dataclass(frozen=True)
class DecoderConfig:
    """The acoustic decoder: a causal transformer at 50 Hz, up-sampling to 100 Hz, and the vocoder.

    Or, with the architecture "source-filter", what `source_filter` says; of the other settings it uses none.
    """

    architecture: Literal["transformer", "source-filter"] = "transformer"
    width: int = 1024
    layers: int = 24
    heads: int = 16
    feed_forward: int = 4096
    vocoder_input_dim: int = 128
    """Channels between the transformer and the vocoder."""
    rope_theta: float = 10_000.0
    vocoder: VocoderConfig = field(default_factory=VocoderConfig)
    source_filter: SourceFilterConfig = field(default_factory=SourceFilterConfig)

    def __post_init__(self) -> None:
        require_positive("decoder", self, "width", "heads", "feed_forward", "vocoder_input_dim", "rope_theta")
        require(self.layers >= 0, f"decoder: layers {self.layers} must be >= 0")
        require(self.width % self.heads == 0, f"decoder: width {self.width} is no multiple of heads {self.heads}")
        require((self.width // self.heads) % 2 == 0, "decoder: width / heads must be even for rotary positions")


@dataclass(frozen=True)
class WavCubeConfig:
    """A whole model. The default is the paper's: WavLM-Large, 128 numbers 50 times a second, 317M decoder."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    bottleneck: BottleneckConfig = field(default_factory=BottleneckConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    stage: Literal[1, 2] = 2
    """Which stage of training the weights come from: 1 (frozen encoder) or 2 (fine-tuned encoder)."""
    restorer: bool = False
    """Whether the semantic restorer is part of the model (needed to train it, and for restored features)."""
    teacher: bool = False
    """Whether the frozen teacher of stage 2 is part of the checkpoint (needed to go on with stage 2)."""

    def __post_init__(self) -> None:
        require(not (self.teacher and self.stage == 1), "teacher: in stage 1 the encoder itself is the teacher")
        require(
            self.decoder.architecture == "transformer" or self.bottleneck.frame_rate == 50,
            "decoder: a source-filter decoder has a frame_rate of 50 Hz",
        )

    @property
    def restored_width(self) -> int:
        """Channels of what the restorer gives: all features; with a linear one the encoder's last layer."""
        return self.encoder.width if self.bottleneck.restorer == "linear" else self.encoder.feature_width

    @classmethod
    def preset(cls, name: str) -> Self:
        """A named configuration: "full" (the paper's) or "tiny" (random weights for tests and trials)."""
        if name not in _PRESETS:
            raise ConfigError(f"no preset {name!r}; there are {', '.join(sorted(_PRESETS))}")
        return cls.from_dict(_PRESETS[name])

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From nested dictionaries, as in `config.json`; keys left out take their defaults."""
        values = {key: value for key, value in values.items() if key != "format"}
        values = with_new_names(values, DECODER, "the model's configuration")
        return from_dict(cls, values)

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionaries of plain values, as in `config.json`."""
        return {"format": "wavcube-1", **dataclasses.asdict(self)}

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """From a JSON file, in which entries of transformers may stand beside ours; an error names the file."""
        others = {*TRANSFORMERS_KEYS, *NAMES}
        return read_config(
            path,
            "wavcube-1",
            "a wavcube configuration",
            lambda values: cls.from_dict({key: value for key, value in values.items() if key not in others}),
        )

    def save(self, path: str | Path) -> None:
        Path(path).write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")


_PRESETS: dict[str, dict[str, Any]] = {
    "full": {},
    "tiny": {
        "encoder": {"width": 64, "layers": 4, "heads": 4, "feed_forward": 128, "conv_channels": [32] * 7},
        "bottleneck": {"latent_dim": 16},
        "decoder": {
            "width": 64,
            "layers": 2,
            "heads": 4,
            "feed_forward": 128,
            "vocoder": {"width": 32, "layers": 3, "heads": 4, "feed_forward": 64},
        },
        "restorer": True,
    },
}
