"""Acoustic features of a waveform without an encoder: its log-mel and its pitch."""

import torch
from torch import Tensor, nn

from wavcube.codec.blocks.masking import length_mask
from wavcube.codec.blocks.precision import without_autocast
from wavcube.codec.encoder_config import EncoderConfig
from wavcube.codec.log_mel import WhisperLogMel
from wavcube.codec.source_filter.pitch import PitchTracker


class AcousticFeatures(nn.Module):
    """Waveform [B, S] -> [B, T, C] in float32.

    Channels: log-mel, then log-F0 and voicing, each of both 10 ms frames under a feature, the earlier one first.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.log_mel = WhisperLogMel(config)
        if config.pitch_features:
            self.pitch = PitchTracker(config.mel_bins, config.pitch_width, config.pitch_layers)

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`lengths` [B]: valid samples."""
        with without_autocast(waveform.device):
            return self._features(waveform, lengths)

    def _features(self, waveform: Tensor, lengths: Tensor | None) -> Tensor:
        mel = self.log_mel(waveform, lengths)
        parts = [mel] if self.config.mel_features else []
        if self.config.pitch_features:
            mask = length_mask(lengths, waveform.shape[1])
            own = waveform if mask is None else waveform.masked_fill(~mask, 0.0)
            frames = None if lengths is None else 2 * self.config.frame_counts(lengths)
            pitch = self.pitch(own, mel, frames)
            parts.append(pitch)
        # Two frames become one, the earlier one first.
        pairs = [part.unflatten(1, (-1, 2)).flatten(2) for part in parts]
        return torch.cat(pairs, dim=-1)
