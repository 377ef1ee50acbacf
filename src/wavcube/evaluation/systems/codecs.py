"""Codecs of transformers under evaluation: EnCodec, DAC, Mimi, X-Codec and whatever has their interface."""

import inspect
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wavcube.audio.io import as_mono
from wavcube.errors import CheckpointError, ConfigError
from wavcube.evaluation.metric import Recording
from wavcube.evaluation.systems.base import EVALUATION_RATE, System
from wavcube.hashing import fingerprint_module


class TransformersCodec(System):
    """A codec by its hub id or local folder.

    Recordings are coded one by one: padding would change what some of these codecs make of the shorter ones.

    Args:
        source: hub id (downloaded once) or folder.
        options: arguments of the model's forward, such as `bandwidth` of EnCodec, `num_quantizers` of Mimi.
        device: to run on.

    Raises:
        CheckpointError: it cannot be loaded.
        ConfigError: it is no codec, or knows no such option.
    """

    def __init__(self, source: str, options: Mapping[str, float] | None = None, device: str = "cpu") -> None:
        from transformers import AutoModel

        self.options = dict(options or {})
        try:
            self._model = AutoModel.from_pretrained(source).to(device).eval()
        except (OSError, ValueError) as error:
            raise CheckpointError(f"no codec could be loaded from {source} ({str(error).splitlines()[0]})") from error
        config = self._model.config
        rate = getattr(config, "sampling_rate", None) or getattr(config, "sample_rate", None)
        if rate is None or not hasattr(config, "codebook_size"):
            raise ConfigError(f"{source}: a {type(self._model).__name__} is not a codec that gives speech back")
        self._rate: int = int(rate)
        self._channels: int = getattr(config, "audio_channels", None) or 1
        # DAC leaves it to the caller to fill the last frame.
        self._hop: int = getattr(config, "hop_length", None) or 1
        self._bits_a_code = math.log2(config.codebook_size)
        accepted = inspect.signature(self._model.forward).parameters
        for option in self.options:
            if option not in accepted or option in {"input_values", "audio_codes", "return_dict"}:
                raise ConfigError(f"{source}: a {type(self._model).__name__} has no option {option!r}")
        described = "".join(f", {option} {value:g}" for option, value in self.options.items())
        self.name = Path(source).name + described.replace(", ", "-").replace(" ", "-")
        self.title = f"{type(self._model).__name__} {source}{described}"
        self.fingerprint = f"{fingerprint_module(self._model)} {sorted(self.options.items())}"

    def reconstruct(self, originals: Sequence[Recording]) -> list[Recording]:
        return [self._code(original) for original in originals]

    def _code(self, original: Recording) -> Recording:
        import torch

        speech = original.at(self._rate)
        filled = np.pad(speech, (0, -len(speech) % self._hop))
        batch = torch.from_numpy(filled).expand(1, self._channels, -1).to(self._model.device)
        with torch.inference_mode():
            coded = self._model(batch, **self.options)
        decoded = coded.audio_values.float().reshape(self._channels, -1).mean(0).cpu().numpy()
        waveform = as_mono(decoded[: len(speech)], self._rate, EVALUATION_RATE)
        bits = round(coded.audio_codes.numel() * self._bits_a_code)
        return Recording(waveform, EVALUATION_RATE, original.name, bits)
