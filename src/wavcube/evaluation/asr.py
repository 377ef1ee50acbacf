"""ASR models that word error rates are counted with."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from wavcube.errors import WavCubeError
from wavcube.evaluation.metric import MetricUnavailable
from wavcube.hashing import digest, fingerprint_file, fingerprint_module

ASR_MODELS = """\
whisper:NAME_OR_FOLDER  a Whisper model of faster-whisper: a size such as large-v3 (downloaded once), or its folder
ctc:ID_OR_FOLDER        a CTC model of transformers, such as facebook/hubert-large-ls960-ft, or its folder"""


class UnknownLanguageError(WavCubeError, ValueError):
    """An ASR model does not know the language of a recording."""


class ASRModel(Protocol):
    """Anything that transcribes speech.

    Attributes:
        name: for labels.
        fingerprint: equal for two ASR models only if they read alike.
    """

    name: str
    fingerprint: str

    def transcribe(self, waveform: np.ndarray, language: str) -> str:
        """Text of a waveform `[S]` at 16 kHz in a language (ISO 639-1 code).

        Raises:
            UnknownLanguageError: it does not know the language.
        """
        ...


def load_asr(description: str, device: str = "cpu") -> ASRModel:
    """Make the ASR model that `description` names (see `ASR_MODELS`).

    Raises:
        MetricUnavailable: it names no known kind, or its package or weights are missing.
    """
    kind, _, source = description.partition(":")
    if kind == "whisper" and source:
        return Whisper(source, device)
    if kind == "ctc" and source:
        return CTC(source, device)
    raise MetricUnavailable(f"ASR model {description!r} is not known; give one of\n{ASR_MODELS}")


class Whisper:
    """A Whisper model through faster-whisper: beam of 5, no sampling, each utterance by itself."""

    def __init__(self, source: str, device: str = "cpu") -> None:
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise MetricUnavailable('faster-whisper is missing: pip install "wavcube[eval]"') from error
        kind = "cuda" if device.startswith("cuda") else "cpu"
        precision = "float16" if kind == "cuda" else "float32"
        try:
            self._model: Any = WhisperModel(source, device=kind, compute_type=precision)
        except (OSError, RuntimeError, ValueError) as error:
            raise MetricUnavailable(f"no Whisper model could be loaded from {source} ({_first_line(error)})") from error
        folder = Path(source)
        self.name = f"Whisper {folder.name.removeprefix('whisper-')}"
        identity = fingerprint_file(folder / "model.bin") if folder.is_dir() else source
        self.fingerprint = _digest("faster-whisper", identity, precision, "beam 5, temperature 0")

    def transcribe(self, waveform: np.ndarray, language: str) -> str:
        if language not in self._model.supported_languages:
            raise UnknownLanguageError(f"{self.name} does not know the language {language!r}")
        # Falling back to higher temperatures would sample, and no two runs would read the same.
        segments, _ = self._model.transcribe(
            waveform, language=language, beam_size=5, temperature=0.0, condition_on_previous_text=False
        )
        return " ".join(segment.text.strip() for segment in segments)


class CTC:
    """A wav2vec 2.0, HuBERT or WavLM model with a CTC head, of transformers; the best path, without language model."""

    def __init__(self, source: str, device: str = "cpu") -> None:
        from transformers import AutoModelForCTC, AutoProcessor

        try:
            self._processor = AutoProcessor.from_pretrained(source)
            self._model = AutoModelForCTC.from_pretrained(source).to(device).eval()
        except (OSError, ValueError, ImportError) as error:
            raise MetricUnavailable(f"no CTC model could be loaded from {source} ({_first_line(error)})") from error
        self.name = Path(source).name
        self.fingerprint = _digest("ctc", fingerprint_module(self._model))

    def transcribe(self, waveform: np.ndarray, language: str) -> str:
        import torch

        inputs = self._processor(waveform, sampling_rate=16_000, return_tensors="pt").to(self._model.device)
        with torch.inference_mode():
            try:
                best = self._model(**inputs).logits.argmax(-1)
            except RuntimeError as error:
                if "size" in str(error):  # shorter than the receptive field of the convolutions
                    return ""
                raise WavCubeError(f"{self.name} failed on a recording: {_first_line(error)}") from error
        return self._processor.batch_decode(best)[0]


def _digest(*parts: str) -> str:
    return digest("\n".join(parts))


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
