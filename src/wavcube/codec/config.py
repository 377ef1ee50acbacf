"""The configuration of a model: one tree of typed dataclasses that is also its `config.json`.

An unknown key, a missing key or an impossible value is a `ConfigError` that names it, so that a typo never becomes
another model.
"""

import dataclasses
import json
import math
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor

from wavcube.codec.checkpoint.shared_folder import NAMES, TRANSFORMERS_KEYS
from wavcube.codec.masking import conv_frames
from wavcube.config_aliases import DECODER, with_new_names
from wavcube.errors import ConfigError
from wavcube.framing import HOP_LENGTH
from wavcube.settings import from_dict, read_config


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


def _require_positive(part: str, group: Any, *names: str) -> None:
    for name in names:
        value = getattr(group, name)
        _require(0 < value < math.inf, f"{part}: {name} must be > 0, not {value}")


@dataclass(frozen=True)
class EncoderConfig:
    """A speech encoder of the wav2vec 2.0 family or of Whisper, in one vocabulary for all of them.

    The default is WavLM-Large. `from_transformers` reads any member's own configuration. Whisper has a log-mel and two
    convolutions in the place of the waveform's, and sinusoids in the place of the position convolution; of the `conv_`
    and `position_` settings it uses none.
    """

    family: Literal["wavlm", "hubert", "wav2vec2", "data2vec-audio", "whisper"] = "wavlm"
    width: int = 1024
    layers: int = 24
    heads: int = 16
    feed_forward: int = 4096
    pre_norm: bool = True
    """Layer norm before attention and feed-forward, and once at the end ("stable layer norm" of transformers)."""
    conv_channels: tuple[int, ...] = (512,) * 7
    conv_kernels: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_bias: bool = False
    conv_norm: Literal["layer", "group"] = "layer"
    """"layer": over channels after every convolution; "group": over time, a channel, after the first (Base models)."""
    projection_norm: bool = True
    """Layer norm before the features are projected to `width` (HuBERT can do without)."""
    position_kernel: int = 128
    position_groups: int = 16
    position_layers: int = 1
    """Convolutions of the position embedding: one, weight-normed; data2vec-audio has five small ones."""
    relative_buckets: int = 320
    relative_max_distance: int = 800
    """Buckets of WavLM's gated relative position bias; other families have none."""
    activation: Literal["gelu"] = "gelu"
    layer_norm_eps: float = 1e-5
    hidden_dropout: float = 0.1
    attention_dropout: float = 0.1
    activation_dropout: float = 0.0
    normalize_waveform: bool = True
    """Zero mean and unit variance per utterance before the first convolution."""
    feature_layer: int = -1
    """Which hidden state is the feature: -1 the layer-normed last one, else the output of so many layers, followed by
    a layer norm of its own."""
    feature_layers: tuple[int, ...] = ()
    """Several hidden states that are the feature together, in the place of `feature_layer` and numbered as it is; 0 is
    what the first layer takes in."""
    feature_mix: Literal["concat", "weighted"] = "concat"
    """What becomes of several hidden states: one beside the other, or a weighted sum with learnt weights."""
    mel_bins: int = 80
    """Bins of Whisper's log-mel, and of the log-mel among the features."""
    mel_floor: float = 1e-7
    """Least power of a bin. It is a fixed one, where Whisper's own lies 80 dB below a recording's loudest
    bin, so that parts of a recording give what the whole gives."""
    max_frames: int = 1500
    """Whisper: most frames that it has learnt positions for."""
    mel_features: bool = False
    """The log-mel of both 10 ms frames is part of the features, before the layers: 2 * mel_bins channels."""
    pitch_features: bool = False
    """Log-F0 and voicing of both 10 ms frames are part of the features, after the log-mel: 4 channels."""
    pitch_width: int = 128
    pitch_layers: int = 3
    """Of the network that finds the pitch."""

    def __post_init__(self) -> None:
        _require_positive("encoder", self, "width", "layers", "heads", "feed_forward", "layer_norm_eps")
        _require_positive("encoder", self, "position_kernel", "position_groups", "position_layers")
        _require(self.width % self.heads == 0, f"encoder: width {self.width} is no multiple of heads {self.heads}")
        sizes = {len(self.conv_channels), len(self.conv_kernels), len(self.conv_strides)}
        _require(len(sizes) == 1, "encoder: conv_channels, conv_kernels and conv_strides differ in number")
        _require(
            min(self.conv_channels + self.conv_kernels + self.conv_strides, default=1) > 0,
            "encoder: conv_channels, conv_kernels and conv_strides must be > 0",
        )
        _require(
            math.prod(self.conv_strides) == HOP_LENGTH,
            f"encoder: conv_strides {self.conv_strides} make a hop of {math.prod(self.conv_strides)} samples, "
            f"not {HOP_LENGTH}",
        )
        _require(self.width % self.position_groups == 0, "encoder: width is no multiple of position_groups")
        _require(self.relative_buckets >= 4, f"encoder: relative_buckets {self.relative_buckets} must be at least 4")
        _require(
            self.relative_max_distance > self.relative_buckets // 4,
            f"encoder: relative_max_distance {self.relative_max_distance} must be more than a quarter of "
            f"relative_buckets {self.relative_buckets}",
        )
        for name in ("hidden_dropout", "attention_dropout", "activation_dropout"):
            _require(0 <= getattr(self, name) < 1, f"encoder: {name} must be in [0, 1), not {getattr(self, name)}")
        _require(
            self.feature_layer == -1 or 1 <= self.feature_layer <= self.layers,
            f"encoder: feature_layer {self.feature_layer} is neither -1 nor in 1..{self.layers}",
        )
        _require(
            all(-1 <= layer <= self.layers for layer in self.feature_layers),
            f"encoder: feature_layers {list(self.feature_layers)} are not all in -1..{self.layers}",
        )
        _require(
            len(set(self.layer_numbers)) == len(self.layer_numbers),
            f"encoder: feature_layers {list(self.feature_layers)} name a layer twice",
        )
        _require(
            not self.feature_layers or self.feature_layer == -1,
            "encoder: feature_layer and feature_layers exclude each other",
        )
        _require_positive("encoder", self, "mel_bins", "mel_floor", "pitch_width", "pitch_layers")
        _require(
            self.receptive_field == 400 or not (self.mel_features or self.pitch_features),
            "encoder: mel_features and pitch_features are for encoders whose frames see 400 samples",
        )
        if self.family == "whisper":
            _require_positive("encoder", self, "max_frames")
            _require(self.pre_norm, "encoder: a whisper is pre_norm")
            _require(not self.normalize_waveform, "encoder: a whisper takes waveforms as they are: normalize_waveform")
            _require(self.width % 2 == 0 and self.width > 2, f"encoder: width {self.width} of a whisper must be even")

    @property
    def layer_numbers(self) -> tuple[int, ...]:
        """Hidden states that make the features, counted from 0; `layers` is the layer-normed last one."""
        return tuple(self.layers if layer == -1 else layer for layer in self.feature_layers or (self.feature_layer,))

    @property
    def last_layer(self) -> bool:
        """Whether the layer-normed last hidden state is the feature, or one of several."""
        return self.layers in self.layer_numbers

    @property
    def feature_width(self) -> int:
        """Channels of the features."""
        layers = self.width * (len(self.layer_numbers) if self.feature_mix == "concat" else 1)
        return 2 * self.mel_bins * self.mel_features + 4 * self.pitch_features + layers

    @property
    def receptive_field(self) -> int:
        """Samples under one frame: 400 for every published encoder."""
        if self.family == "whisper":
            return 400
        field_, hop = 1, 1
        for kernel, stride in zip(self.conv_kernels, self.conv_strides, strict=True):
            field_, hop = field_ + (kernel - 1) * hop, hop * stride
        return field_

    def frames(self, samples: int) -> int:
        """Frames of features for `samples` samples at 16 kHz."""
        return int(self.frame_counts(torch.tensor(samples)))

    def frame_counts(self, samples: Tensor) -> Tensor:
        """Frames of features for each of some numbers of samples: floor((n - 400) / 320) + 1."""
        if self.family == "whisper":
            return conv_frames(samples, (self.receptive_field,), (320,))
        return conv_frames(samples, self.conv_kernels, self.conv_strides)

    @classmethod
    def from_transformers(cls, config: Any, normalize_waveform: bool, feature_layer: int = -1) -> Self:
        """The same encoder as a configuration of transformers (WavLM, HuBERT, wav2vec 2.0, data2vec-audio, Whisper)."""
        family = config.model_type
        if family == "whisper":
            return cls._from_whisper(config, feature_layer)
        known = typing.get_args(cls.__dataclass_fields__["family"].type)
        _require(family in known, f"encoder of type {family!r} is not of the wav2vec 2.0 family ({', '.join(known)})")
        _require(not getattr(config, "add_adapter", False), f"{family} with an adapter (add_adapter) is not supported")
        _require(not getattr(config, "conv_pos_batch_norm", False), "conv_pos_batch_norm is not supported")
        for activation in (config.hidden_act, config.feat_extract_activation):
            _require(activation == "gelu", f"the activation {activation!r} is not supported, only gelu")
        data2vec = family == "data2vec-audio"
        return cls(
            family=family,
            width=config.hidden_size,
            layers=config.num_hidden_layers,
            heads=config.num_attention_heads,
            feed_forward=config.intermediate_size,
            pre_norm=getattr(config, "do_stable_layer_norm", False),
            conv_channels=tuple(config.conv_dim),
            conv_kernels=tuple(config.conv_kernel),
            conv_strides=tuple(config.conv_stride),
            conv_bias=config.conv_bias,
            conv_norm="layer" if data2vec else config.feat_extract_norm,
            projection_norm=getattr(config, "feat_proj_layer_norm", True),
            position_kernel=config.conv_pos_kernel_size if data2vec else config.num_conv_pos_embeddings,
            position_groups=config.num_conv_pos_embedding_groups,
            position_layers=config.num_conv_pos_embeddings if data2vec else 1,
            relative_buckets=getattr(config, "num_buckets", 320),
            relative_max_distance=getattr(config, "max_bucket_distance", 800),
            layer_norm_eps=config.layer_norm_eps,
            hidden_dropout=config.hidden_dropout,
            attention_dropout=config.attention_dropout,
            activation_dropout=config.activation_dropout,
            normalize_waveform=normalize_waveform,
            feature_layer=feature_layer,
        )

    @classmethod
    def _from_whisper(cls, config: Any, feature_layer: int) -> Self:
        _require(config.activation_function == "gelu", f"the activation {config.activation_function!r} is not gelu")
        return cls(
            family="whisper",
            width=config.d_model,
            layers=config.encoder_layers,
            heads=config.encoder_attention_heads,
            feed_forward=config.encoder_ffn_dim,
            position_groups=1,
            hidden_dropout=config.dropout,
            attention_dropout=config.attention_dropout,
            activation_dropout=config.activation_dropout,
            normalize_waveform=False,
            feature_layer=feature_layer,
            mel_bins=config.num_mel_bins,
            max_frames=config.max_source_positions,
        )


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
        _require_positive("bottleneck", self, "latent_dim")
        _require(self.layers >= 0, f"bottleneck: layers {self.layers} must be >= 0")
        _require(0 <= self.sigma < math.inf, f"bottleneck: sigma {self.sigma} must be >= 0")

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
        _require_positive("vocoder", self, "width", "heads", "feed_forward")
        _require(self.layers >= 0, f"vocoder: layers {self.layers} must be >= 0")
        _require(self.width % self.heads == 0, f"vocoder: width {self.width} is no multiple of heads {self.heads}")
        _require((self.width // self.heads) % 2 == 0, "vocoder: width / heads must be even for rotary positions")
        _require(
            self.hop_length == 160,
            f"vocoder: hop_length {self.hop_length} must be 160, two frames to each frame of 50 Hz",
        )
        _require(
            self.n_fft % self.hop_length == 0
            and self.n_fft // self.hop_length >= 2
            and (self.n_fft - self.hop_length) % 2 == 0,
            f"vocoder: n_fft {self.n_fft} must be an even multiple of hop_length {self.hop_length}, at least twice it",
        )
        _require(self.left_context >= 0 and self.right_context >= 0, "vocoder: the attention window must be >= 0")


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
        _require_positive("source_filter", self, *names)
        for name in ("layers", "fine_layers"):
            _require(getattr(self, name) >= 0, f"source_filter: {name} {getattr(self, name)} must be >= 0")


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
        _require_positive("decoder", self, "width", "heads", "feed_forward", "vocoder_input_dim", "rope_theta")
        _require(self.layers >= 0, f"decoder: layers {self.layers} must be >= 0")
        _require(self.width % self.heads == 0, f"decoder: width {self.width} is no multiple of heads {self.heads}")
        _require((self.width // self.heads) % 2 == 0, "decoder: width / heads must be even for rotary positions")


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
        _require(not (self.teacher and self.stage == 1), "teacher: in stage 1 the encoder itself is the teacher")
        _require(
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
