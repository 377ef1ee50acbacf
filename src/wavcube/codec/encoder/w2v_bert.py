"""What w2v-BERT 2.0 takes in: pairs of Kaldi's log-mel frames, each band normalised over the recording; no weights."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.blocks.masking import length_mask, zero_beyond
from wavcube.codec.encoder.feature_encoder import masked_moments
from wavcube.codec.encoder_config import EncoderConfig
from wavcube.codec.log_mel import HOP, WINDOW, KaldiLogMel
from wavcube.framing import SAMPLE_RATE


class MelPairs(nn.Module):
    """Waveform [B, S] -> [B, T, 2 * bins] at 50 Hz in float32: transformers' `SeamlessM4TFeatureExtractor`.

    There are as many frames as the other families make. Where the recording ends between a pair's two frames, which
    transformers then leaves out, the first one stands for both.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.log_mel = KaldiLogMel(config)

    def forward(
        self, waveform: Tensor, lengths: Tensor | None = None, statistics: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """Zeros beyond an item's end. `statistics`: mean and variance [1, bins] of a longer recording's bands."""
        mel = self.log_mel(waveform)
        samples = torch.full((1,), waveform.shape[1], device=mel.device) if lengths is None else lengths
        whole = (samples - WINDOW) // HOP + 1  # frames of 10 ms that lie inside an item
        inside = torch.arange(mel.shape[1], device=mel.device) < whole[:, None]
        if statistics is None:
            mean, variance = masked_moments(mel.transpose(1, 2), inside)
            variance = variance * (whole / (whole - 1).clamp_min(1))[:, None]
        else:
            mean, variance = (values.to(mel.device) for values in statistics)
        values = (mel - mean[:, None]) * (variance[:, None] + 1e-7).rsqrt()
        values = torch.where(inside[..., None], values, F.pad(values[:, :-1], (0, 0, 1, 0)))
        pairs = values.unflatten(1, (-1, 2)).flatten(2)
        return pairs if lengths is None else zero_beyond(pairs, self._mask(lengths, pairs.shape[1]))

    def _mask(self, lengths: Tensor, frames: int) -> Tensor | None:
        return length_mask(self.config.frame_counts(lengths), frames)

    def statistics(self, waveform: Tensor, mean: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance [1, bins] of the bands over a whole recording [S], which is taken in as it is."""
        frames = (len(waveform) - WINDOW) // HOP + 1
        block = 30 * SAMPLE_RATE // HOP
        total = torch.zeros(2, self.config.mel_bins, dtype=torch.float64)
        for start in range(0, frames, block):
            count = min(block, frames - start)
            samples = waveform[None, HOP * start : HOP * (start + count - 1) + WINDOW]
            values = self.log_mel(samples)[0, :count].double()
            total += torch.stack([values.sum(0), values.square().sum(0)]).cpu()
        average = total[0] / frames
        variance = (total[1] / frames - average.square()).clamp_min(0.0) * frames / max(1, frames - 1)
        return average.float()[None], variance.float()[None]
