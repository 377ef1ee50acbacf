"""The configuration of a speech encoder, of whatever family, and how transformers' own is read."""

import math
import typing
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor

from wavcube.codec.blocks.masking import conv_frames
from wavcube.configuration.settings import require, require_positive
from wavcube.framing import HOP_LENGTH, WINDOW_LENGTH


@dataclass(frozen=True)
class EncoderConfig:
    """A speech encoder of the wav2vec 2.0 family, of Whisper or of w2v-BERT, in one vocabulary for all of them.

    The default is WavLM-Large. `from_transformers` reads any member's own configuration. Whisper has a log-mel and two
    convolutions in the place of the waveform's, and sinusoids in the place of the position convolution; w2v-BERT 2.0
    ("wav2vec2-bert") has a log-mel alone, and conformer layers; of the `conv_` and `position_` settings they use none.
    """

    family: Literal["wavlm", "hubert", "wav2vec2", "data2vec-audio", "whisper", "wav2vec2-bert"] = "wavlm"
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
    relative_back: int = 64
    relative_ahead: int = 8
    """Frames to both sides whose distance w2v-BERT's attention knows; what is farther counts as these."""
    conformer_kernel: int = 31
    """Frames of w2v-BERT's causal convolutions: a frame and those before it."""
    activation: Literal["gelu", "swish"] = "gelu"
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
    """Bins of Whisper's and w2v-BERT's log-mel, and of the log-mel among the features."""
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
        require_positive("encoder", self, "width", "layers", "heads", "feed_forward", "layer_norm_eps")
        require_positive("encoder", self, "position_kernel", "position_groups", "position_layers")
        require(self.width % self.heads == 0, f"encoder: width {self.width} is no multiple of heads {self.heads}")
        sizes = {len(self.conv_channels), len(self.conv_kernels), len(self.conv_strides)}
        require(len(sizes) == 1, "encoder: conv_channels, conv_kernels and conv_strides differ in number")
        require(
            min(self.conv_channels + self.conv_kernels + self.conv_strides, default=1) > 0,
            "encoder: conv_channels, conv_kernels and conv_strides must be > 0",
        )
        require(
            math.prod(self.conv_strides) == HOP_LENGTH,
            f"encoder: conv_strides {self.conv_strides} make a hop of {math.prod(self.conv_strides)} samples, "
            f"not {HOP_LENGTH}",
        )
        require(self.width % self.position_groups == 0, "encoder: width is no multiple of position_groups")
        require(self.relative_buckets >= 4, f"encoder: relative_buckets {self.relative_buckets} must be at least 4")
        require(
            self.relative_max_distance > self.relative_buckets // 4,
            f"encoder: relative_max_distance {self.relative_max_distance} must be more than a quarter of "
            f"relative_buckets {self.relative_buckets}",
        )
        for name in ("hidden_dropout", "attention_dropout", "activation_dropout"):
            require(0 <= getattr(self, name) < 1, f"encoder: {name} must be in [0, 1), not {getattr(self, name)}")
        require(
            self.feature_layer == -1 or 1 <= self.feature_layer <= self.layers,
            f"encoder: feature_layer {self.feature_layer} is neither -1 nor in 1..{self.layers}",
        )
        require(
            all(-1 <= layer <= self.layers for layer in self.feature_layers),
            f"encoder: feature_layers {list(self.feature_layers)} are not all in -1..{self.layers}",
        )
        require(
            len(set(self.layer_numbers)) == len(self.layer_numbers),
            f"encoder: feature_layers {list(self.feature_layers)} name a layer twice",
        )
        require(
            not self.feature_layers or self.feature_layer == -1,
            "encoder: feature_layer and feature_layers exclude each other",
        )
        require_positive("encoder", self, "mel_bins", "mel_floor", "pitch_width", "pitch_layers")
        require(
            self.receptive_field == 400 or not (self.mel_features or self.pitch_features),
            "encoder: mel_features and pitch_features are for encoders whose frames see 400 samples",
        )
        require_positive("encoder", self, "conformer_kernel")
        for name in ("relative_back", "relative_ahead"):
            require(getattr(self, name) >= 0, f"encoder: {name} {getattr(self, name)} must be >= 0")
        require(
            not (self.takes_mel and self.normalize_waveform),
            f"encoder: a {self.family} takes waveforms as they are: normalize_waveform",
        )
        if self.family == "whisper":
            require_positive("encoder", self, "max_frames")
            require(self.pre_norm, "encoder: a whisper is pre_norm")
            require(self.width % 2 == 0 and self.width > 2, f"encoder: width {self.width} of a whisper must be even")

    @property
    def takes_mel(self) -> bool:
        """Whether a log-mel is what the encoder sees of a waveform."""
        return self.family in ("whisper", "wav2vec2-bert")

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
        if self.takes_mel:
            return WINDOW_LENGTH
        field_, hop = 1, 1
        for kernel, stride in zip(self.conv_kernels, self.conv_strides, strict=True):
            field_, hop = field_ + (kernel - 1) * hop, hop * stride
        return field_

    @property
    def frame_span(self) -> int:
        """Samples that one frame is made of where the recording has them: more than a w2v-BERT's frame needs."""
        return self.receptive_field + HOP_LENGTH // 2 * (self.family == "wav2vec2-bert")

    def frames(self, samples: int) -> int:
        """Frames of features for `samples` samples at 16 kHz."""
        return int(self.frame_counts(torch.tensor(samples)))

    def frame_counts(self, samples: Tensor) -> Tensor:
        """Frames of features for each of some numbers of samples: floor((n - 400) / 320) + 1."""
        if self.takes_mel:
            return conv_frames(samples, (WINDOW_LENGTH,), (HOP_LENGTH,))
        return conv_frames(samples, self.conv_kernels, self.conv_strides)

    @classmethod
    def from_transformers(cls, config: Any, normalize_waveform: bool, feature_layer: int = -1) -> Self:
        """The same encoder as a configuration of transformers, of a family that `family` lists."""
        family = config.model_type
        if family == "whisper":
            return cls._from_whisper(config, feature_layer)
        known = typing.get_args(cls.__dataclass_fields__["family"].type)
        require(family in known, f"encoder of type {family!r} is not of the wav2vec 2.0 family ({', '.join(known)})")
        require(not getattr(config, "add_adapter", False), f"{family} with an adapter (add_adapter) is not supported")
        if family == "wav2vec2-bert":
            return cls._from_w2v_bert(config, feature_layer)
        require(not getattr(config, "conv_pos_batch_norm", False), "conv_pos_batch_norm is not supported")
        for activation in (config.hidden_act, config.feat_extract_activation):
            require(activation == "gelu", f"the activation {activation!r} is not supported, only gelu")
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
        require(config.activation_function == "gelu", f"the activation {config.activation_function!r} is not gelu")
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

    @classmethod
    def _from_w2v_bert(cls, config: Any, feature_layer: int) -> Self:
        positions = config.position_embeddings_type
        require(positions == "relative_key", f"positions of type {positions!r} are not supported, only relative_key")
        require(config.hidden_act in ("swish", "silu"), f"the activation {config.hidden_act!r} is not swish")
        width = config.feature_projection_input_dim
        require(width % 2 == 0, f"feature_projection_input_dim {width} is not that of two frames of log-mel")
        return cls(
            family="wav2vec2-bert",
            width=config.hidden_size,
            layers=config.num_hidden_layers,
            heads=config.num_attention_heads,
            feed_forward=config.intermediate_size,
            position_groups=1,
            relative_back=config.left_max_position_embeddings,
            relative_ahead=config.right_max_position_embeddings,
            conformer_kernel=config.conv_depthwise_kernel_size,
            activation="swish",
            layer_norm_eps=config.layer_norm_eps,
            hidden_dropout=config.hidden_dropout,
            attention_dropout=config.attention_dropout,
            activation_dropout=config.activation_dropout,
            normalize_waveform=False,
            feature_layer=feature_layer,
            mel_bins=width // 2,
        )
