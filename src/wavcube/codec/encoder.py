"""The speech encoder: waveform [B, S] at 16 kHz -> features [B, T, H] at 50 Hz.

One implementation for the wav2vec 2.0 family (WavLM, HuBERT, wav2vec 2.0, data2vec-audio) and for Whisper's encoder,
equal to transformers' own on single clips. What transformers does not do and this does: every item of a padded batch
gets exactly what it gets alone, and the features are the layer-normed last hidden state whatever a library's
`hidden_states` hold. Modules bear the names of transformers' checkpoints of the wav2vec 2.0 family, so that those load
as they are.
"""

import dataclasses
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.attention import RelativePositionBias, SelfAttention
from wavcube.codec.config import EncoderConfig
from wavcube.codec.grouped_convolution import GroupedConv1d
from wavcube.codec.masking import length_mask, widened, zero_beyond
from wavcube.codec.source_filter.acoustic_features import AcousticFeatures
from wavcube.codec.whisper import SinusoidalPositions, WhisperFeatureEncoder, load_whisper_encoder, renamed_weights
from wavcube.errors import CheckpointError, ConfigError


def normalize_waveform(waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Zero mean and unit variance of every item over its own samples; zeros beyond its end.

    Args:
        waveform: [B, S], float32.
        lengths: [B], valid samples; None when all are.

    Agrees with transformers' `Wav2Vec2FeatureExtractor` (biased variance, 1e-7 under the root).
    """
    waveform = widened(waveform)
    mask = length_mask(lengths, waveform.shape[1])
    if mask is None:
        mean = waveform.mean(1, keepdim=True)
        variance = waveform.var(1, keepdim=True, correction=0)
        return (waveform - mean) / (variance + 1e-7).sqrt()
    assert lengths is not None
    count = lengths[:, None]
    mean = waveform.masked_fill(~mask, 0.0).sum(1, keepdim=True) / count
    centred = (waveform - mean).masked_fill(~mask, 0.0)
    variance = centred.square().sum(1, keepdim=True) / count
    return centred / (variance + 1e-7).sqrt()


class ConvLayer(nn.Module):
    """One convolution of the feature encoder with its norm and GELU, on [B, C, T]."""

    def __init__(self, config: EncoderConfig, index: int) -> None:
        super().__init__()
        channels_in = config.conv_channels[index - 1] if index else 1
        channels = config.conv_channels[index]
        kernel, stride = config.conv_kernels[index], config.conv_strides[index]
        self.conv = nn.Conv1d(channels_in, channels, kernel, stride, bias=config.conv_bias)
        self.norm_over: str | None = None
        if config.conv_norm == "layer":
            self.norm_over = "channels"
            self.layer_norm: nn.Module = nn.LayerNorm(channels)
        elif index == 0:
            self.norm_over = "time"
            self.layer_norm = nn.GroupNorm(channels, channels)

    def forward(self, values: Tensor, lengths: Tensor | None, statistics: tuple[Tensor, Tensor] | None) -> Tensor:
        values = self.conv(values)
        if self.norm_over == "channels":
            values = self.layer_norm(values.transpose(1, 2)).transpose(1, 2)
        elif self.norm_over == "time":
            values = self.norm_over_time(values, lengths, statistics)
        return F.gelu(values)

    def norm_over_time(
        self, values: Tensor, lengths: Tensor | None, statistics: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """Group norm of each channel over an item's own frames, or by statistics of a longer recording."""
        norm = self.layer_norm
        assert isinstance(norm, nn.GroupNorm)
        mask = length_mask(lengths, values.shape[2])
        if statistics is None and mask is None:
            return norm(values)
        mean, variance = statistics or masked_moments(values, mask)
        scale = norm.weight * (variance + norm.eps).rsqrt()
        return ((values - mean[..., None]) * scale[..., None] + norm.bias[:, None]).to(values.dtype)


def masked_moments(values: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and biased variance [B, C], in float32, of [B, C, T] over the frames where `mask` [B, T] is true."""
    values = widened(values)
    if mask is None:
        return values.mean(2), values.var(2, correction=0)
    weights = mask[:, None].to(values.dtype)
    count = weights.sum(2)
    mean = (values * weights).sum(2) / count
    return mean, ((values - mean[..., None]).square() * weights).sum(2) / count


class ConvFeatureEncoder(nn.Module):
    """The convolutional feature encoder: normalised waveform [B, S] -> [B, T, C] at 50 Hz."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.kernels, self.strides = config.conv_kernels, config.conv_strides
        self.conv_layers = nn.ModuleList(ConvLayer(config, i) for i in range(len(config.conv_channels)))

    def forward(
        self, waveform: Tensor, lengths: Tensor | None = None, statistics: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """`statistics` [B, C] x 2, when given, stand in for the group norm's own (long audio, in chunks)."""
        values = waveform[:, None]
        for layer, kernel, stride in zip(self.conv_layers, self.kernels, self.strides, strict=True):
            if lengths is not None:
                lengths = (lengths - kernel) // stride + 1
            values = layer(values, lengths, statistics)
        return values.transpose(1, 2)


class FeatureProjection(nn.Module):
    """Features of the convolutions [B, T, C] -> the transformer's width [B, T, H]."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        channels = config.conv_channels[-1]
        self.layer_norm = nn.LayerNorm(channels, config.layer_norm_eps) if config.projection_norm else nn.Identity()
        self.projection = nn.Linear(channels, config.width)

    def forward(self, values: Tensor) -> Tensor:
        return self.projection(self.layer_norm(values))


class _WeightNorm(nn.Module):
    """Length and direction of a weight, under the names that torch gives them."""

    def __init__(self, direction: Tensor) -> None:
        super().__init__()
        self.original0 = nn.Parameter(torch.norm_except_dim(direction, 2, 2))
        self.original1 = nn.Parameter(direction)

    def forward(self) -> Tensor:
        return torch._weight_norm(self.original1, self.original0, 2)


class WeightNormConvolution(GroupedConv1d):
    """A convolution with weight norm over each position of its kernel.

    torch's own gives every module a class of its own, which neither pickle nor a process that is started can carry.
    """

    bias: nn.Parameter

    def __init__(self, channels_in: int, channels: int, kernel: int, *, padding: int, groups: int) -> None:
        super().__init__(channels_in, channels, kernel, padding=padding, groups=groups)
        direction = self._parameters.pop("weight")
        assert direction is not None
        self.parametrizations = nn.ModuleDict({"weight": _WeightNorm(direction.detach())})

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        return self.parametrizations["weight"]()


class PositionConvolution(nn.Module):
    """Position embedding by one weight-normed grouped convolution over time, on [B, T, H]."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        kernel = config.position_kernel
        self.conv = WeightNormConvolution(
            config.width, config.width, kernel, padding=kernel // 2, groups=config.position_groups
        )

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        # An even kernel makes one frame too many.
        return F.gelu(self.conv(hidden.transpose(1, 2))[..., : hidden.shape[1]]).transpose(1, 2)


class PositionConvolutionLayer(nn.Module):
    """One of data2vec-audio's convolutions, with a layer norm that has no parameters."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        kernel = config.position_kernel
        self.conv = GroupedConv1d(
            config.width, config.width, kernel, padding=kernel // 2, groups=config.position_groups
        )

    def forward(self, hidden: Tensor) -> Tensor:
        values = self.conv(hidden.transpose(1, 2))[..., : hidden.shape[1]].transpose(1, 2)
        return F.gelu(F.layer_norm(values, values.shape[-1:]))


class PositionConvolutionStack(nn.Module):
    """Position embedding of data2vec-audio: several small convolutions, on [B, T, H]."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(PositionConvolutionLayer(config) for _ in range(config.position_layers))

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        for layer in self.layers:
            hidden = layer(zero_beyond(hidden, mask))  # alone, an item is followed by zeros at every convolution
        return hidden


class FeedForward(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(config.width, config.feed_forward)
        self.activation = nn.GELU()
        self.intermediate_dropout = nn.Dropout(config.activation_dropout)
        self.output_dense = nn.Linear(config.feed_forward, config.width)
        self.output_dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.intermediate_dropout(self.activation(self.intermediate_dense(hidden)))
        return self.output_dropout(self.output_dense(hidden))


class EncoderLayer(nn.Module):
    """A transformer layer of the encoder's kind; the compressor and the restorer are made of them too.

    `owns_bias`: this layer holds the relative position embedding (WavLM) that the layers after it use as well.
    """

    def __init__(self, config: EncoderConfig, owns_bias: bool) -> None:
        super().__init__()
        self.pre_norm = config.pre_norm
        self.attention = SelfAttention(config, owns_bias)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.layer_norm = nn.LayerNorm(config.width, config.layer_norm_eps)
        self.feed_forward = FeedForward(config)
        self.final_layer_norm = nn.LayerNorm(config.width, config.layer_norm_eps)

    def forward(self, hidden: Tensor, bias: Tensor | None, mask: Tensor | None) -> Tensor:
        if self.pre_norm:
            hidden = hidden + self.dropout(self.attention(self.layer_norm(hidden), bias, mask))
            return hidden + self.feed_forward(self.final_layer_norm(hidden))
        hidden = self.layer_norm(hidden + self.dropout(self.attention(hidden, bias, mask)))
        return self.final_layer_norm(hidden + self.feed_forward(hidden))


class LayerStack(nn.ModuleList):
    """Transformer layers in a row; the first one's relative position embedding serves all of them."""

    def __init__(self, config: EncoderConfig, layers: int) -> None:
        super().__init__(EncoderLayer(config, owns_bias=i == 0 and config.family == "wavlm") for i in range(layers))

    def position_bias(self, frames: int) -> Tensor | None:
        """Bias [1, heads, T, T] of the layers' attention, or None where the family has none."""
        embedding = getattr(self[0].attention, "rel_attn_embed", None) if len(self) else None
        return embedding.bias(frames) if isinstance(embedding, RelativePositionBias) else None

    def forward(self, hidden: Tensor, mask: Tensor | None = None) -> Tensor:
        """[B, T, H] -> [B, T, H]; `mask` [B, T] is true where an item is real."""
        bias = self.position_bias(hidden.shape[1])
        for layer in self:
            hidden = layer(hidden, bias, mask)
        return hidden


class Transformer(nn.Module):
    """The encoder's transformer: position embedding, layers, layer norm, on [B, T, H]."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.pre_norm = config.pre_norm
        self.last_layer = config.last_layer
        self.pos_conv_embed = _positions(config)
        self.layer_norm = nn.LayerNorm(config.width, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout)
        # Layers above the features would only cost time and memory.
        self.layers = LayerStack(config, max(config.layer_numbers))

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        return self._finish(self.layers(self._start(hidden, mask), mask))

    def hidden_states(self, hidden: Tensor, mask: Tensor | None) -> list[Tensor]:
        """The input of every layer and the final output: layers + 1 tensors [B, T, H]."""
        hidden = self._start(hidden, mask)
        bias = self.layers.position_bias(hidden.shape[1])
        states = [hidden]
        for layer in self.layers:
            hidden = layer(hidden, bias, mask)
            states.append(hidden)
        return [*states[:-1], self._finish(states[-1])]

    def _start(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        hidden = zero_beyond(hidden, mask)
        hidden = hidden + self.pos_conv_embed(hidden, mask)
        return self.dropout(hidden if self.pre_norm else self.layer_norm(hidden))

    def _finish(self, hidden: Tensor) -> Tensor:
        return self.layer_norm(hidden) if self.pre_norm and self.last_layer else hidden


def _positions(config: EncoderConfig) -> nn.Module:
    if config.family == "whisper":
        return SinusoidalPositions(config)
    return PositionConvolution(config) if config.position_layers == 1 else PositionConvolutionStack(config)


class FeatureMix(nn.Module):
    """Several hidden states as one feature: side by side [B, T, N * H], or their weighted sum [B, T, H].

    Every state has a layer norm of its own, except the last one, which the encoder has normed. The weights of the sum
    are a softmax of learnt numbers, equal at first.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.numbers, self.last = config.layer_numbers, config.layers
        inner = [number for number in self.numbers if number != self.last]
        self.norms = nn.ModuleDict({str(n): nn.LayerNorm(config.width, config.layer_norm_eps) for n in inner})
        self.weights = nn.Parameter(torch.zeros(len(self.numbers))) if config.feature_mix == "weighted" else None

    def forward(self, states: list[Tensor]) -> Tensor:
        """`states`: the input of every layer and the final output, each [B, T, H]."""
        chosen = [states[n] if n == self.last else self.norms[str(n)](states[n]) for n in self.numbers]
        if self.weights is None:
            return torch.cat(chosen, dim=-1)
        weights = self.weights.softmax(0)
        return sum((weight * state for weight, state in zip(weights, chosen, strict=True)), torch.zeros_like(chosen[0]))


class SpeechEncoder(nn.Module):
    """Waveform [B, S] at 16 kHz -> features [B, T, H] at 50 Hz, T = floor((S - 400) / 320) + 1."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        whisper = config.family == "whisper"
        self.feature_extractor = WhisperFeatureEncoder(config) if whisper else ConvFeatureEncoder(config)
        self.feature_projection = nn.Identity() if whisper else FeatureProjection(config)
        self.encoder = Transformer(config)
        if config.mel_features or config.pitch_features:
            self.acoustic_features = AcousticFeatures(config)
        if config.feature_layers:
            self.feature_mix = FeatureMix(config)
        elif not config.last_layer:
            self.feature_norm = nn.LayerNorm(config.width, config.layer_norm_eps)
        self.apply(self._initialize)

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Features of a padded batch; every item as if it were alone.

        Args:
            waveform: [B, S], any level; normalised here if the configuration says so.
            lengths: [B], valid samples (at least 400 each); None when all are.

        Returns:
            Features [B, T, H] (beyond an item's end meaningless) and valid frames [B].
        """
        if self.config.normalize_waveform:
            waveform = normalize_waveform(waveform, lengths)
        return self.encode_normalized(waveform, lengths)

    def encode_normalized(
        self, waveform: Tensor, lengths: Tensor | None = None, statistics: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `forward`, for a waveform that is normalised already (`statistics`: see `ConvFeatureEncoder`)."""
        hidden, frames, mask = self._embed(waveform, lengths, statistics)
        several = bool(self.config.feature_layers)
        states = self.encoder.hidden_states(hidden, mask) if several else [self.encoder(hidden, mask)]
        return self._features(states, waveform, lengths), frames

    def with_hidden_states(
        self, waveform: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """Features as `forward` gives them, hidden states as `hidden_states` does, and valid frames."""
        if self.config.normalize_waveform:
            waveform = normalize_waveform(waveform, lengths)
        hidden, frames, mask = self._embed(waveform, lengths, None)
        states = self.encoder.hidden_states(hidden, mask)
        return self._features(states, waveform, lengths), states, frames

    def _features(self, states: list[Tensor], waveform: Tensor, lengths: Tensor | None) -> Tensor:
        """Features of hidden states, the final output last, and of the normalised waveform that they are of."""
        if self.config.feature_layers:
            features = self.feature_mix(states)
        else:
            features = states[-1] if self.config.last_layer else self.feature_norm(states[-1])
        if self.config.mel_features or self.config.pitch_features:
            parts = (self.acoustic_features(waveform, lengths), features)
            dtype = self.encoder.layer_norm.weight.dtype  # under autocast the layers give less than that
            features = torch.cat([part.to(dtype) for part in parts], dim=-1)
        return features

    def hidden_states(self, waveform: Tensor, lengths: Tensor | None = None) -> tuple[list[Tensor], Tensor]:
        """The input of every layer and the final output, each [B, T, H], and valid frames [B]."""
        if self.config.normalize_waveform:
            waveform = normalize_waveform(waveform, lengths)
        hidden, frames, mask = self._embed(waveform, lengths, None)
        return self.encoder.hidden_states(hidden, mask), frames

    def _embed(
        self, waveform: Tensor, lengths: Tensor | None, statistics: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        if self.config.family != "whisper":  # a log-mel is computed in float32, whatever the weights are in
            waveform = waveform.to(self.encoder.layer_norm.weight.dtype)
        hidden = self.feature_projection(self.feature_extractor(waveform, lengths, statistics))
        if lengths is None:
            self._check_positions(hidden.shape[1])
            return hidden, torch.full((hidden.shape[0],), hidden.shape[1], device=hidden.device), None
        frames = self.config.frame_counts(lengths)
        if self.config.family == "whisper":
            self._check_positions(int(frames.max()))
        return hidden, frames, length_mask(frames, hidden.shape[1])

    def _check_positions(self, frames: int) -> None:
        if self.config.family == "whisper" and not torch.compiler.is_compiling() and frames > self.config.max_frames:
            raise ConfigError(
                f"{frames} frames of 20 ms are more than the {self.config.max_frames} that this Whisper has learnt "
                "positions for; cut the recording (in a WavCube, `chunking` does)"
            )

    @classmethod
    def from_transformers(cls, name: str, feature_layer: int = -1, **features: Any) -> Self:
        """The encoder of a transformers checkpoint: a folder, or a hub id (which downloads it).

        Args:
            name: of Whisper, a folder with the encoder's weights alone will do.
            feature_layer: see `EncoderConfig`.
            features: `feature_layers` and `feature_mix`, see `EncoderConfig`.

        Raises:
            CheckpointError: it cannot be read, or weights are missing.
            ConfigError: it is neither of the wav2vec 2.0 family nor a Whisper.
        """
        from transformers import AutoConfig, AutoFeatureExtractor, AutoModel

        try:
            theirs = AutoConfig.from_pretrained(name)
            if theirs.model_type == "whisper":
                config = EncoderConfig.from_transformers(theirs, False, feature_layer)
                weights = renamed_weights(load_whisper_encoder(name).state_dict())
            else:
                normalize = bool(getattr(AutoFeatureExtractor.from_pretrained(name), "do_normalize", True))
                config = EncoderConfig.from_transformers(theirs, normalize, feature_layer)
                model, found = AutoModel.from_pretrained(
                    name, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
                )
                # What the file lacks, or has in another size, transformers makes up with random numbers and a warning.
                made_up = set(found["missing_keys"]) | {key for key, *_ in found["mismatched_keys"]}
                weights = {key: value for key, value in model.state_dict().items() if key not in made_up}
            config = dataclasses.replace(config, **features)
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from error
        except (OSError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{name}: no speech encoder that transformers can load ({error})") from error
        encoder = cls(config)
        encoder.load_transformers_weights(weights, name)
        return encoder

    def load_transformers_weights(self, weights: dict[str, Tensor], source: str) -> None:
        """Take the weights of a transformers model of the same configuration; what is missing is named.

        What transformers does not have keeps its weights: norms and mixes of other layers, and the pitch network.
        """
        wanted = self.state_dict()
        kept = {key: value for key, value in weights.items() if key in wanted}
        own = ("feature_norm.", "feature_mix.", "acoustic_features.")
        missing = sorted(key for key in set(wanted) - set(kept) if not key.startswith(own))
        if missing:
            raise CheckpointError(
                f"{source}: {len(missing)} tensors are missing or of another size, among them {', '.join(missing[:3])}"
            )
        self.load_state_dict(kept, strict=False)

    def _initialize(self, module: nn.Module) -> None:
        """Random weights as transformers draws them for this family (normal 0.02; Kaiming for convolutions)."""
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, ConvLayer):
            nn.init.kaiming_normal_(module.conv.weight)
