"""Networks that come as one file and turn a waveform into numbers: TorchScript and ONNX."""

from pathlib import Path
from typing import Any

import numpy as np

from wavcube.evaluation.metric import MetricUnavailable
from wavcube.hashing import fingerprint_file


class WaveformNetwork:
    """A function of a waveform at 16 kHz, in a file: `[1, S]` float32 in, any numbers out.

    Args:
        path: a TorchScript file (.pt, .ts, .jit), or an ONNX file (.onnx) with one input.
        device: of the TorchScript network; ONNX runs on the CPU.

    Raises:
        MetricUnavailable: there is no such file, or it is of another kind.
    """

    def __init__(self, path: str | Path, device: str = "cpu") -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise MetricUnavailable(f"{path}: no such file")
        self.device = device
        self.fingerprint = fingerprint_file(self.path)
        self._run = self._load_onnx() if self.path.suffix == ".onnx" else self._load_torchscript()

    @classmethod
    def from_hub(cls, repository: str, file: str, device: str = "cpu") -> "WaveformNetwork":
        """The same from a file on the hub, downloaded once."""
        from huggingface_hub import hf_hub_download

        try:
            path = hf_hub_download(repository, file)
        except Exception as error:  # any of the hub client's, or of the network library below it
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise MetricUnavailable(f"{file} of {repository} could not be downloaded ({reason})") from error
        return cls(path, device)

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        return self._run(np.ascontiguousarray(waveform, np.float32)[None])

    def _load_onnx(self) -> Any:
        from onnxruntime import InferenceSession

        try:
            session = InferenceSession(str(self.path), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common base
            raise MetricUnavailable(f"{self.path}: is not an ONNX network that can be run ({error})") from error
        inputs = session.get_inputs()
        if len(inputs) != 1:
            raise MetricUnavailable(f"{self.path}: has {len(inputs)} inputs; one waveform [1, S] is what it would get")
        return lambda batch: session.run(None, {inputs[0].name: batch})[0]

    def _load_torchscript(self) -> Any:
        import torch

        try:
            network = torch.jit.load(str(self.path), map_location=self.device).eval()
        except (RuntimeError, ValueError) as error:
            raise MetricUnavailable(
                f"{self.path}: is not a TorchScript file; save the network with torch.jit.save, or as .onnx"
            ) from error

        def run(batch: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return network(torch.from_numpy(batch).to(self.device)).float().cpu().numpy()

        return run
