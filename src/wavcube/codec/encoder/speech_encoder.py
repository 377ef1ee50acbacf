"""The speech encoder: waveform [B, S] at 16 kHz -> features [B, T, H] at 50 Hz.

One implementation for the wav2vec 2.0 family (WavLM, HuBERT, wav2vec 2.0, data2vec-audio), Whisper's encoder and
w2v-BERT 2.0, equal to transformers' own on single clips. What transformers does not do and this does: every item of a
padded batch gets exactly what it gets alone, and the features are the layer-normed last hidden state whatever a
library's `hidden_states` hold. Modules bear the names of transformers' checkpoints of the wav2vec 2.0 family and of
w2v-BERT, so that those load as they are.
"""

import dataclasses
from typing import Any, Self

import torch
from torch import Tensor, nn

from wavcube.codec.blocks.masking import length_mask
from wavcube.codec.encoder.conformer import ConformerConvolution
from wavcube.codec.encoder.feature_encoder import ConvFeatureEncoder, ConvLayer, FeatureProjection, normalize_waveform
from wavcube.codec.encoder.feature_mix import FeatureMix
from wavcube.codec.encoder.pretrained import read_pretrained
from wavcube.codec.encoder.transformer import Conformer, Transformer
from wavcube.codec.encoder.w2v_bert import MelPairs
from wavcube.codec.encoder.whisper import WhisperFeatureEncoder
from wavcube.codec.encoder_config import EncoderConfig
from wavcube.codec.source_filter.acoustic_features import AcousticFeatures
from wavcube.errors import CheckpointError, ConfigError


class SpeechEncoder(nn.Module):
    """Waveform [B, S] at 16 kHz -> features [B, T, H] at 50 Hz, T = floor((S - 400) / 320) + 1."""

    feature_extractor: ConvFeatureEncoder | WhisperFeatureEncoder | MelPairs

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        whisper, w2v_bert = config.family == "whisper", config.family == "wav2vec2-bert"
        front = WhisperFeatureEncoder if whisper else MelPairs if w2v_bert else ConvFeatureEncoder
        self.feature_extractor = front(config)
        self.feature_projection = nn.Identity() if whisper else FeatureProjection(config)
        self.encoder = Conformer(config) if w2v_bert else Transformer(config)
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
        return self.encode_normalized(self._normalized(waveform, lengths), lengths)

    def encode_normalized(
        self, waveform: Tensor, lengths: Tensor | None = None, statistics: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `forward`, for a waveform that is normalised already (`statistics`: of the recording it is a part of)."""
        return self.encode_extracted(self._extract(waveform, lengths, statistics), waveform, lengths)

    def encode_extracted(
        self, values: Tensor, waveform: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `encode_normalized`, of what `feature_extractor` gives, [B, T, C].

        The waveform is needed only where its log-mel or pitch is among the features.
        """
        hidden, frames, mask = self._embed(values, lengths)
        several = bool(self.config.feature_layers)
        states = self.encoder.hidden_states(hidden, mask) if several else [self.encoder(hidden, mask)]
        return self._features(states, waveform, lengths), frames

    def with_hidden_states(
        self, waveform: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """Features as `forward` gives them, hidden states as `hidden_states` does, and valid frames."""
        waveform = self._normalized(waveform, lengths)
        hidden, frames, mask = self._embed(self._extract(waveform, lengths), lengths)
        states = self.encoder.hidden_states(hidden, mask)
        return self._features(states, waveform, lengths), states, frames

    def hidden_states(self, waveform: Tensor, lengths: Tensor | None = None) -> tuple[list[Tensor], Tensor]:
        """The input of every layer and the final output, each [B, T, H], and valid frames [B]."""
        waveform = self._normalized(waveform, lengths)
        hidden, frames, mask = self._embed(self._extract(waveform, lengths), lengths)
        return self.encoder.hidden_states(hidden, mask), frames

    def statistics(self, waveform: Tensor, mean: Tensor, scale: Tensor) -> tuple[Tensor, Tensor] | None:
        """What `encode_normalized` has to know of a whole recording [S] to compute its parts; see the feature encoders.

        `mean` and `scale` normalise the recording.
        """
        return self.feature_extractor.statistics(waveform, mean, scale)

    def _normalized(self, waveform: Tensor, lengths: Tensor | None) -> Tensor:
        return normalize_waveform(waveform, lengths) if self.config.normalize_waveform else waveform

    def _extract(
        self, waveform: Tensor, lengths: Tensor | None, statistics: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        # A log-mel is computed in float32, whatever the weights are in.
        waveform = waveform if self.config.takes_mel else waveform.to(self._dtype)
        return self.feature_extractor(waveform, lengths, statistics)

    def _embed(self, values: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        hidden = self.feature_projection(values.to(self._dtype) if self.config.family == "wav2vec2-bert" else values)
        if lengths is None:
            self._check_positions(hidden.shape[1])
            return hidden, torch.full((hidden.shape[0],), hidden.shape[1], device=hidden.device), None
        frames = self.config.frame_counts(lengths)
        if self.config.family == "whisper":
            self._check_positions(int(frames.max()))
        return hidden, frames, length_mask(frames, hidden.shape[1])

    @property
    def _dtype(self) -> torch.dtype:
        """Of the weights: that of a layer norm, which a prepared model has as well."""
        normed: Any = self.feature_projection if isinstance(self.encoder, Conformer) else self.encoder
        return normed.layer_norm.weight.dtype

    def _features(self, states: list[Tensor], waveform: Tensor | None, lengths: Tensor | None) -> Tensor:
        """Features of hidden states, the final output last, and of the normalised waveform that they are of."""
        if self.config.feature_layers:
            features = self.feature_mix(states)
        else:
            features = states[-1] if self.config.last_layer else self.feature_norm(states[-1])
        if self.config.mel_features or self.config.pitch_features:
            assert waveform is not None
            parts = (self.acoustic_features(waveform, lengths), features)
            dtype = self._dtype  # under autocast the layers give less than that
            features = torch.cat([part.to(dtype) for part in parts], dim=-1)
        return features

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
            ConfigError: it is of no family that `EncoderConfig` lists.
        """
        config, weights = read_pretrained(name, feature_layer)
        try:
            config = dataclasses.replace(config, **features)
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from error
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
        if isinstance(module, ConformerConvolution):
            for conv in (module.pointwise_conv1, module.depthwise_conv, module.pointwise_conv2):
                nn.init.kaiming_normal_(conv.weight)
