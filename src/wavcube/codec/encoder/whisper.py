"""The parts of Whisper's encoder that are its own: log-mel and two convolutions at the start, and its weights' names.

Its transformer is the one of the wav2vec 2.0 family. Whisper's own code pads every recording to 30 s; here it takes in
a recording's own frames, of which there are as many as the other families make: floor((n - 400) / 320) + 1.
"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.blocks.masking import length_mask, zero_beyond
from wavcube.codec.encoder_config import EncoderConfig
from wavcube.codec.log_mel import WhisperLogMel
from wavcube.errors import CheckpointError


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

    def statistics(self, waveform: Tensor, mean: Tensor, scale: Tensor) -> None:
        """There is nothing that a part of a recording has to know of the whole."""


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
