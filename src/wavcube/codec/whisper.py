"""The parts of Whisper's encoder that are its own: log-mel and two convolutions at the start, sinusoids as positions.

Its transformer is the one of `encoder`. Whisper's own code pads every recording to 30 s; here it takes in a
recording's own frames, of which there are as many as the other families make: floor((n - 400) / 320) + 1.
"""

import functools
import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.audio.mel import mel_filters
from wavcube.codec.config import EncoderConfig
from wavcube.codec.masking import length_mask, zero_beyond
from wavcube.codec.precision import without_autocast
from wavcube.errors import CheckpointError
from wavcube.framing import HOP_LENGTH, SAMPLE_RATE, WINDOW_LENGTH

WINDOW, HOP = WINDOW_LENGTH, HOP_LENGTH // 2
"""Samples of a mel frame, and from one to the next. Two frames lie under each feature, around samples 320 t and
320 t + 160."""


class WhisperLogMel(nn.Module):
    """Waveform [B, S] -> Whisper's log-mel of 100 frames a second, [B, 2 T, bins]; zeros beyond an item's end."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`lengths` [B]: valid samples. Computed in float32; log10 of the power, plus 4, over 4."""
        with without_autocast(waveform.device):
            return self._values(waveform, lengths)

    def _values(self, waveform: Tensor, lengths: Tensor | None) -> Tensor:
        # A recording's last frame lies inside it; before the first there is silence.
        padded = F.pad(waveform.float(), (WINDOW // 2, 0))[:, None]
        # As a convolution, which other runtimes have as well, and which is a fraction of the encoder's time.
        spectrum = F.conv1d(padded, _fourier(waveform.device), stride=HOP).transpose(1, 2)
        frames = (waveform.shape[1] - self.config.receptive_field) // (2 * HOP) + 1
        power = spectrum[:, : 2 * frames].unflatten(2, (2, -1)).square().sum(2)
        level = (power @ _filters(self.config.mel_bins, waveform.device)).clamp_min(self.config.mel_floor).log10()
        values = (level + 4.0) / 4.0
        if lengths is None:
            return values
        return zero_beyond(values, length_mask(2 * self.config.frame_counts(lengths), values.shape[1]))


@functools.cache
def _fourier(device: torch.device) -> Tensor:
    """Real and imaginary parts of all bins of a windowed Fourier transform, [2 * (WINDOW / 2 + 1), 1, WINDOW]."""
    with torch.inference_mode(False), torch.device("cpu"):
        window = torch.hann_window(WINDOW, dtype=torch.float64)
        spectrum = torch.fft.rfft(torch.diag(window))  # [WINDOW, bins]
        return torch.cat([spectrum.real, spectrum.imag], dim=1).T.float()[:, None].contiguous().to(device)


@functools.cache
def _filters(bins: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False), torch.device("cpu"):
        return torch.tensor(mel_filters(WINDOW, bins, SAMPLE_RATE), dtype=torch.float32).to(device)


class WhisperFeatureEncoder(nn.Module):
    """Waveform [B, S] -> [B, T, H] at 50 Hz: log-mel and two convolutions, the second of stride 2."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.log_mel = WhisperLogMel(config)
        self.conv1 = nn.Conv1d(config.mel_bins, config.width, 3, padding=1)
        self.conv2 = nn.Conv1d(config.width, config.width, 3, stride=2, padding=1)

    def forward(
        self, waveform: Tensor, lengths: Tensor | None = None, statistics: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """`statistics` are of other feature encoders."""
        mel = self.log_mel(waveform, lengths)
        mask = None
        if lengths is not None:
            mask = length_mask(2 * self.log_mel.config.frame_counts(lengths), mel.shape[1])
        hidden = F.gelu(self.conv1(mel.to(self.conv1.weight.dtype).transpose(1, 2)))
        hidden = zero_beyond(hidden.transpose(1, 2), mask)
        return F.gelu(self.conv2(hidden.transpose(1, 2))).transpose(1, 2)


class SinusoidalPositions(nn.Module):
    """Whisper's position embedding [T, H]: sines, then cosines, of wavelengths from 2 pi to 20,000 pi frames."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.width = config.width

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        half = self.width // 2
        step = math.log(10_000) / (half - 1)
        scale = torch.exp(-step * torch.arange(half, device=hidden.device, dtype=torch.float32))
        angle = torch.arange(hidden.shape[1], device=hidden.device, dtype=torch.float32)[:, None] * scale
        return torch.cat([angle.sin(), angle.cos()], dim=1).to(hidden.dtype)


def renamed_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of transformers' `WhisperEncoder` under the names of `SpeechEncoder`.

    Whisper's key projection has no bias, which is one of zeros (any other would change nothing either: it adds the
    same to all scores of a query).
    """
    parts: dict[str, Any] = {
        "self_attn_layer_norm": "layer_norm",
        "self_attn": "attention",
        "fc1": "feed_forward.intermediate_dense",
        "fc2": "feed_forward.output_dense",
        "final_layer_norm": "final_layer_norm",
    }
    renamed = {}
    for key, value in weights.items():
        words = key.removeprefix("encoder.").split(".")
        if words[0] in ("conv1", "conv2"):
            renamed[".".join(["feature_extractor", *words])] = value
        elif words[0] == "layer_norm":
            renamed[".".join(["encoder", *words])] = value
        elif words[0] == "layers" and words[2] in parts:
            renamed[".".join(["encoder", *words[:2], parts[words[2]], *words[3:]])] = value
    for key in [key for key in renamed if key.endswith("attention.q_proj.bias")]:
        renamed[key.replace("q_proj", "k_proj")] = torch.zeros_like(renamed[key])
    return renamed


def load_whisper_encoder(name: str) -> Any:
    """transformers' `WhisperEncoder` of a whole Whisper, or of a folder that holds the encoder's weights alone.

    Raises:
        CheckpointError: it cannot be loaded, or lacks weights.
    """
    import transformers
    from transformers.models.whisper import modeling_whisper
    from transformers.utils import logging

    # With loading info they return a pair, which their annotations do not say.
    whisper_encoder: Any = modeling_whisper.WhisperEncoder
    whisper: Any = transformers.WhisperModel

    before = logging.get_verbosity()
    logging.set_verbosity_error()  # what does not fit at the first try is reported below
    try:
        encoder, found = whisper_encoder.from_pretrained(name, dtype=torch.float32, output_loading_info=True)
        if found["missing_keys"]:
            model, found = whisper.from_pretrained(name, dtype=torch.float32, output_loading_info=True)
            encoder = model.get_encoder()
            found["missing_keys"] = [key for key in found["missing_keys"] if key.startswith("encoder.")]
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{name}: this Whisper cannot be loaded ({str(error).strip().splitlines()[0]})"
        ) from error
    finally:
        logging.set_verbosity(before)
    if found["missing_keys"]:
        missing = ", ".join(sorted(found["missing_keys"])[:3])
        raise CheckpointError(f"{Path(name).name}: weights of its encoder are missing, among them {missing}")
    return encoder
