"""Teachers of distillation: frozen speech encoders of which two hidden states are to be predicted.

WavLM and its family run as they do everywhere in this package. Whisper's encoder expects a log-mel of 30 s; here it
gets the crop alone and the first positions only, which costs a fraction and changes little: cosine 0.989 to the
features of the padded window for Whisper base.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.audio.mel import mel_filters
from wavcube.codec import SpeechEncoder
from wavcube.codec.whisper import load_whisper_encoder
from wavcube.errors import CheckpointError, ConfigError
from wavcube.framing import SAMPLE_RATE

HOP, FIELD = 320, 400
"""Samples at 16 kHz from one frame to the next, and under the first one."""

WHISPER_MOST_FRAMES = 1500


class Teacher(nn.Module):
    """A frozen encoder.

    Attributes:
        width: channels C of its hidden states.
    """

    width: int

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """Middle and last hidden state, each [B, T, C], of waveforms [B, S] at 16 kHz; T = (S - 400) // 320 + 1."""
        raise NotImplementedError


def load_teacher(name: str) -> Teacher:
    """A teacher by its transformers folder or hub id (which downloads it).

    Raises:
        CheckpointError: it cannot be loaded, or lacks weights.
        ConfigError: it is neither of WavLM's family nor a Whisper.
    """
    from transformers import AutoConfig

    try:
        kind = AutoConfig.from_pretrained(name).model_type
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise CheckpointError(f"{name}: no teacher that transformers can load ({reason})") from error
    teacher = WhisperTeacher(name) if kind == "whisper" else FamilyTeacher(name)
    return teacher.requires_grad_(False).eval()


class FamilyTeacher(Teacher):
    """WavLM, HuBERT, wav2vec 2.0 or data2vec-audio."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.encoder = SpeechEncoder.from_transformers(name)
        self.width = self.encoder.config.width

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        states, _ = self.encoder.hidden_states(waveform)
        return states[len(states) // 2], states[-1]


class WhisperTeacher(Teacher):
    """The encoder of a Whisper: of the whole model, or of a folder that holds the encoder's weights alone."""

    def __init__(self, name: str) -> None:
        super().__init__()
        encoder = load_whisper_encoder(name)
        self.encoder, self.width = encoder, encoder.config.d_model
        self.log_mel = WhisperLogMel(encoder.config.num_mel_bins)

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        encoder: Any = self.encoder
        frames = (waveform.shape[1] - FIELD) // HOP + 1
        if waveform.shape[1] > WHISPER_MOST_FRAMES * HOP:
            raise ConfigError("a Whisper teacher sees 30 s at most; make loader.crop_seconds shorter")
        hidden = F.gelu(encoder.conv2(F.gelu(encoder.conv1(self.log_mel(waveform))))).transpose(1, 2)
        hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
        middle = hidden
        for number, layer in enumerate(encoder.layers, 1):
            hidden = layer(hidden, None)
            if number == len(encoder.layers) // 2:
                middle = hidden
        return middle[:, :frames], encoder.layer_norm(hidden)[:, :frames]


class WhisperLogMel(nn.Module):
    """Whisper's input [B, bins, S // 160] of waveforms [B, S]; agrees with transformers' `WhisperFeatureExtractor`."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        filters = torch.tensor(mel_filters(400, bins, SAMPLE_RATE), dtype=torch.float32)
        self.filters: Tensor
        self.window: Tensor
        self.register_buffer("filters", filters, persistent=False)  # [201, bins]
        self.register_buffer("window", torch.hann_window(400), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        spectrum = torch.stft(waveform.float(), 400, 160, window=self.window, center=True, return_complex=True)
        mel = torch.einsum("bft,fm->bmt", spectrum[..., :-1].abs().square(), self.filters)
        level = mel.clamp_min(1e-10).log10()
        return (torch.maximum(level, level.amax((1, 2), keepdim=True) - 8.0) + 4.0) / 4.0
