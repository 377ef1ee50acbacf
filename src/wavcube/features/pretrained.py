"""Any speech encoder that transformers loads: its last layer, one layer, or all layers for a weighted sum."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from wavcube.codec import SpeechEncoder
from wavcube.errors import AudioError, CheckpointError, ConfigError
from wavcube.features.base import FeatureExtractor
from wavcube.framing import HOP_LENGTH, SAMPLE_RATE, WINDOW_LENGTH
from wavcube.hashing import fingerprint_tensors

FAMILY = {"wavlm", "hubert", "wav2vec2", "data2vec-audio", "wav2vec2-bert"}
"""Encoders that `SpeechEncoder` computes in padded batches, exactly; others run one recording at a time."""


class PretrainedExtractor(FeatureExtractor):
    """A speech encoder of transformers.

    Args:
        name: a folder, or a hub id (which downloads it).
        layer: None for the layer-normed last hidden state; a number for that hidden state (0 is the input of the
            first layer); "weighted" for all of them, [B, L, T, C].
        device: where it runs.

    Raises:
        CheckpointError: it cannot be loaded.
        ConfigError: it has no such layer, or is no speech encoder with 50 frames a second.
    """

    def __init__(self, name: str, layer: int | str | None = None, device: str | torch.device = "cpu") -> None:
        self.layer = layer
        self.encoder = _load(name)
        self.encoder.to(device).eval()
        config = self.encoder.config
        family = isinstance(self.encoder, SpeechEncoder)
        count = config.layers if family else config.num_hidden_layers
        if isinstance(layer, int) and not 0 <= layer <= count:
            raise ConfigError(f"{name}: has hidden states 0 to {count}, not {layer}")
        self.dim = config.width if family else config.hidden_size
        self.layers = count + 1 if layer == "weighted" else 1
        self.frame_rate = 50.0
        self.shortest = config.receptive_field if family else WINDOW_LENGTH
        suffix = "" if layer is None else " weighted sum" if layer == "weighted" else f" layer {layer}"
        self.name = Path(name).name + suffix
        weights = fingerprint_tensors(self.encoder.state_dict())
        self.fingerprint = f"transformers-{weights}-{'last' if layer is None else layer}"

    def frames(self, samples: int) -> int:
        return (samples - WINDOW_LENGTH) // HOP_LENGTH + 1

    def _compute(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        device = next(self.encoder.parameters()).device
        if isinstance(self.encoder, SpeechEncoder):
            return self._pick(self.encoder, waveform.to(device), lengths.to(device))
        items = [self._alone(row[:length], device) for row, length in zip(waveform, lengths.tolist(), strict=True)]
        padded = pad_sequence(items, batch_first=True)
        return padded.transpose(1, 2) if self.layer == "weighted" else padded, torch.tensor([len(i) for i in items])

    def _alone(self, waveform: Tensor, device: torch.device) -> Tensor:
        """[T, C] or [T, L, C] of one waveform [S]."""
        states = self.encoder.hidden_states(waveform, device)
        if self.layer == "weighted":
            values = torch.stack(states, 1)
        else:
            values = states[-1 if self.layer is None else int(self.layer)]
        frames = self.frames(len(waveform))
        if len(values) < frames - 1:
            seconds = len(waveform) / self.sample_rate
            raise AudioError(f"a recording of {seconds:.1f} s is longer than {self.name} takes in; cut it first")
        if len(values) < frames:
            values = torch.cat([values, values[-1:]])
        return values[:frames]

    def _pick(self, encoder: SpeechEncoder, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        if self.layer is None:
            return encoder(waveform, lengths)
        states, frames = encoder.hidden_states(waveform, lengths)
        return torch.stack(states, 1) if self.layer == "weighted" else states[int(self.layer)], frames


class OtherEncoder(torch.nn.Module):
    """An encoder of another family, or a Whisper as published, by transformers' own code, one recording at a time."""

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__()
        # Of Whisper and other sequence-to-sequence models only the encoder is of interest.
        self.model = model.get_encoder() if getattr(model.config, "is_encoder_decoder", False) else model
        self.config = model.config
        self.extractor = extractor

    def hidden_states(self, waveform: Tensor, device: torch.device) -> list[Tensor]:
        """All hidden states [T, C] of one waveform [S]; the last as the model finishes it (layer-normed)."""
        inputs = self.extractor(waveform.cpu().numpy(), sampling_rate=SAMPLE_RATE, return_tensors="pt").to(device)
        output = self.model(**inputs, output_hidden_states=True)
        states = [state[0] for state in output.hidden_states]
        return [*states[:-1], output.last_hidden_state[0]]


def _load(name: str) -> Any:
    from transformers import AutoConfig, AutoFeatureExtractor, AutoModel

    try:
        config = AutoConfig.from_pretrained(name)
        if config.model_type in FAMILY:
            return SpeechEncoder.from_transformers(name)
        extractor = AutoFeatureExtractor.from_pretrained(name)
        model = AutoModel.from_pretrained(name, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, CheckpointError | ConfigError):
            raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(f"{name}: no speech encoder that transformers can load ({reason})") from error
    encoder = OtherEncoder(model.eval(), extractor)
    _check_rate(name, encoder)
    return encoder


@torch.no_grad()
def _check_rate(name: str, encoder: OtherEncoder) -> None:
    states = encoder.hidden_states(torch.zeros(SAMPLE_RATE), torch.device("cpu"))
    # Whisper always sees 30 s: 1,500 frames, of which a recording's own are kept.
    if states[-1].dim() != 2 or not (48 <= len(states[-1]) <= 51 or len(states[-1]) == 1500):
        raise ConfigError(f"{name}: gives {len(states[-1])} frames for a second of speech; 50 are expected")
