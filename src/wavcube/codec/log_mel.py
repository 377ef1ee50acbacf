"""The log-mel of a waveform, 100 frames a second: Whisper's, and Kaldi's, which w2v-BERT takes in.

Two frames lie under each feature of 50 Hz. Both are computed in float32 and without weights; a window's Fourier
transform is a convolution here, which other runtimes have as well, and which is a fraction of an encoder's time.
"""

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.audio.mel import Scale, mel_filters
from wavcube.codec.blocks.masking import length_mask, zero_beyond
from wavcube.codec.blocks.precision import without_autocast
from wavcube.codec.encoder_config import EncoderConfig
from wavcube.framing import HOP_LENGTH, SAMPLE_RATE, WINDOW_LENGTH

WINDOW, HOP = WINDOW_LENGTH, HOP_LENGTH // 2
"""Samples of a mel frame, and from one to the next."""

KALDI_FFT, KALDI_LOWEST, KALDI_EMPHASIS, KALDI_FLOOR = 512, 20.0, 0.97, 2.0**-23
"""Kaldi's bins of a spectrum, Hz of the lowest filter's start, pre-emphasis, and least power of 16-bit samples."""


class WhisperLogMel(nn.Module):
    """Waveform [B, S] -> Whisper's log-mel of 100 frames a second, [B, 2 T, bins]; zeros beyond an item's end.

    The frames of a feature lie around samples 320 t and 320 t + 160.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`lengths` [B]: valid samples. log10 of the power, plus 4, over 4."""
        with without_autocast(waveform.device):
            return self._values(waveform, lengths)

    def _values(self, waveform: Tensor, lengths: Tensor | None) -> Tensor:
        # A recording's last frame lies inside it; before the first there is silence.
        padded = F.pad(waveform.float(), (WINDOW // 2, 0))
        frames = (waveform.shape[1] - WINDOW) // (2 * HOP) + 1
        power = _mel_power(padded, _whisper_analysis(waveform.device), 2 * frames, WINDOW, self.config.mel_bins)
        values = (power.clamp_min(self.config.mel_floor).log10() + 4.0) / 4.0
        if lengths is None:
            return values
        return zero_beyond(values, length_mask(2 * self.config.frame_counts(lengths), values.shape[1]))


class KaldiLogMel(nn.Module):
    """Waveform [B, S] -> Kaldi's log-mel of 100 frames a second, [B, 2 T, bins]: natural log of the power.

    Frames begin at samples 320 t and 320 t + 160. What of a recording's last frame lies beyond its end is silence.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.bins = config.mel_bins

    def forward(self, waveform: Tensor) -> Tensor:
        with without_autocast(waveform.device):
            padded = F.pad(waveform.float(), (0, HOP))
            frames = (waveform.shape[1] - WINDOW) // (2 * HOP) + 1
            analysis = _kaldi_analysis(waveform.device)
            power = _mel_power(padded, analysis, 2 * frames, KALDI_FFT, self.bins, "kaldi", KALDI_LOWEST)
            return power.clamp_min(KALDI_FLOOR).log()


def _mel_power(
    waveform: Tensor, analysis: Tensor, frames: int, size: int, bins: int, scale: Scale = "slaney", lowest: float = 0.0
) -> Tensor:
    """Power [B, frames, bins] in mel bands of a waveform [B, S], by filters for spectra of frames of `size`.

    `analysis`: weights [2 * (size / 2 + 1), 1, WINDOW] of all bins' real, then imaginary parts.
    """
    spectrum = F.conv1d(waveform[:, None], analysis, stride=HOP).transpose(1, 2)
    power = spectrum[:, :frames].unflatten(2, (2, -1)).square().sum(2)
    return power @ _filters(size, bins, scale, lowest, waveform.device)


def _constant_when_compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """What torch.compiler.assume_constant_result does, without the seconds that importing the compiler takes."""
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


@functools.cache
@_constant_when_compiled
def _whisper_analysis(device: torch.device) -> Tensor:
    with torch.inference_mode(False), torch.device("cpu"):
        return _fourier(torch.diag(torch.hann_window(WINDOW, dtype=torch.float64)), WINDOW).to(device)


@functools.cache
@_constant_when_compiled
def _kaldi_analysis(device: torch.device) -> Tensor:
    """Of 16-bit samples: without their mean, with pre-emphasis inside the frame, under Povey's window."""
    with torch.inference_mode(False), torch.device("cpu"):
        identity = torch.eye(WINDOW, dtype=torch.float64)
        centred = identity - 1.0 / WINDOW
        before = identity.roll(1, 1)  # each sample's predecessor; the first one's is itself
        before[:, 0] = identity[:, 0]
        emphasised = centred @ (identity - KALDI_EMPHASIS * before)
        window = torch.hann_window(WINDOW, periodic=False, dtype=torch.float64) ** 0.85
        return _fourier(2.0**15 * emphasised * window, KALDI_FFT).to(device)


def _fourier(frame: Tensor, size: int) -> Tensor:
    """Real and imaginary parts of all bins of a frame's Fourier transform, [2 * (size / 2 + 1), 1, WINDOW].

    `frame` [WINDOW, WINDOW]: what each sample adds to the samples that are transformed.
    """
    spectrum = torch.fft.rfft(frame, size)  # [WINDOW, bins]
    return torch.cat([spectrum.real, spectrum.imag], dim=1).T.float()[:, None].contiguous()


@functools.cache
@_constant_when_compiled
def _filters(size: int, bins: int, scale: Scale, lowest: float, device: torch.device) -> Tensor:
    with torch.inference_mode(False), torch.device("cpu"):
        return torch.tensor(mel_filters(size, bins, SAMPLE_RATE, scale, lowest), dtype=torch.float32).to(device)
