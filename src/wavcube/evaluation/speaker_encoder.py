"""Speaker encoders: networks that place voices in a space where the same speaker is near."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from wavcube.evaluation.exported_networks import WaveformNetwork
from wavcube.evaluation.metric import MetricUnavailable
from wavcube.hashing import digest, fingerprint_file, fingerprint_module

SHORTEST_S = 0.5
"""Less is no basis to know a voice by, and shorter than some encoders accept."""

SPEAKER_ENCODERS = """\
ecapa:CHECKPOINT        the field's verifier, WavLM-Large + ECAPA-TDNN: a local copy of wavlm_large_finetune.pth
xvector:ID_OR_FOLDER    an x-vector model of transformers, such as microsoft/wavlm-base-plus-sv, or its folder
FILE.onnx, FILE.pt      any ONNX or TorchScript network, [1, S] at 16 kHz -> [1, D]
resemblyzer             the package of that name, which carries its weights"""


class SpeakerEncoder(Protocol):
    """Anything that embeds voices.

    Attributes:
        name: for labels.
        fingerprint: equal for two encoders only if they give equal embeddings.
    """

    name: str
    fingerprint: str

    def embed(self, waveform: np.ndarray) -> np.ndarray:
        """Embedding `[D]` of a waveform `[S]` at 16 kHz."""
        ...


def load_speaker_encoder(description: str, device: str = "cpu") -> SpeakerEncoder:
    """Make the speaker encoder that `description` names (see `SPEAKER_ENCODERS`).

    Raises:
        MetricUnavailable: it names no known kind, or its package or weights are missing.
    """
    kind, _, source = description.partition(":")
    if kind == "ecapa" and source:
        return WavLMECAPA(source, device)
    if kind == "xvector" and source:
        return XVector(source, device)
    if description == "resemblyzer":
        return Resemblyzer(device)
    if Path(description).suffix in {".onnx", ".pt", ".ts", ".jit"}:
        return NetworkFile(description, device)
    raise MetricUnavailable(f"speaker encoder {description!r} is not known; give one of\n{SPEAKER_ENCODERS}")


class WavLMECAPA:
    """WavLM-Large + ECAPA-TDNN fine-tuned for verification, from its published checkpoint."""

    def __init__(self, path: str, device: str = "cpu") -> None:
        from wavcube.evaluation.ecapa import load_verifier

        self._network = load_verifier(path).to(device).eval()
        self._device = device
        self.name = "WavLM-Large + ECAPA-TDNN"
        self.fingerprint = fingerprint_file(path)

    def embed(self, waveform: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return self._network(torch.from_numpy(waveform)[None].to(self._device))[0].float().cpu().numpy()


class XVector:
    """An x-vector head on WavLM, wav2vec 2.0 or the like, of transformers."""

    def __init__(self, source: str, device: str = "cpu") -> None:
        from transformers import AutoFeatureExtractor, AutoModelForAudioXVector

        try:
            self._features = AutoFeatureExtractor.from_pretrained(source)
            self._model = AutoModelForAudioXVector.from_pretrained(source).to(device).eval()
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise MetricUnavailable(f"no x-vector model could be loaded from {source} ({reason})") from error
        self.name = Path(source).name
        self.fingerprint = fingerprint_module(self._model)

    def embed(self, waveform: np.ndarray) -> np.ndarray:
        import torch

        inputs = self._features(waveform, sampling_rate=16_000, return_tensors="pt").to(self._model.device)
        with torch.inference_mode():
            return self._model(**inputs).embeddings[0].float().cpu().numpy()


class NetworkFile:
    """Any network in a TorchScript or ONNX file."""

    def __init__(self, path: str, device: str = "cpu") -> None:
        self._network = WaveformNetwork(path, device)
        self.name = Path(path).name
        self.fingerprint = self._network.fingerprint

    def embed(self, waveform: np.ndarray) -> np.ndarray:
        return self._network(waveform).reshape(-1)


class Resemblyzer:
    """The GE2E voice encoder (Wan et al., ICASSP 2018) of the package resemblyzer."""

    def __init__(self, device: str = "cpu") -> None:
        if find_spec("resemblyzer") is None:
            raise MetricUnavailable(
                "resemblyzer is missing: pip install --no-deps resemblyzer && pip install webrtcvad-wheels librosa"
            )
        from resemblyzer import VoiceEncoder

        self._network = VoiceEncoder(device, verbose=False)
        self.name = "resemblyzer"
        self.fingerprint = digest(f"resemblyzer {version('resemblyzer')}")

    def embed(self, waveform: np.ndarray) -> np.ndarray:
        from resemblyzer import preprocess_wav

        # Its voice activity detector can leave nothing of a poor recording; then all of it is used.
        speech = preprocess_wav(waveform)
        return self._network.embed_utterance(speech if len(speech) else waveform)
