"""DNSMOS: opinion scores of the DNS challenge's listeners, predicted without a reference."""

from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from wavcube.audio.mel import mel_filters
from wavcube.evaluation.metric import Measurement, Metric, Pair, Quantity, Recording, Undefined

WINDOW_S = 9.01
"""Length of the excerpts that the networks score; they start a second apart."""

# The networks' raw outputs are mapped to MOS by polynomials that come with the weights (highest power first).
_CALIBRATION = {
    "dnsmos_sig": (-0.08397278, 1.22083953, 0.0052439),
    "dnsmos_bak": (-0.13166888, 1.60915514, -0.39604546),
    "dnsmos_ovrl": (-0.06766283, 1.11546468, 0.04602535),
}


class DNSMOS(Metric):
    """DNSMOS P.835 (signal, background, overall) and P.808, mean over excerpts of 9.01 s; short clips are repeated.

    The weights are those inside the speechmos package, called through onnxruntime without that package's code, whose
    import alone takes longer than a hundred clips. Agrees with `speechmos.dnsmos.run`.
    """

    name = "dnsmos"
    quantities = (
        Quantity("dnsmos_ovrl", "DNSMOS OVRL", "MOS", "higher", 2),
        Quantity("dnsmos_sig", "DNSMOS SIG", "MOS", "higher", 2),
        Quantity("dnsmos_bak", "DNSMOS BAK", "MOS", "higher", 2),
        Quantity("dnsmos_p808", "DNSMOS P.808", "MOS", "higher", 2),
    )
    sample_rate = 16_000
    citation = "Reddy et al., ICASSP 2021 (P.808) and ICASSP 2022 (P.835)"
    packages: ClassVar = {"speechmos": "speechmos", "onnxruntime": "onnxruntime"}
    compares_samples = False

    def measure(self, pair: Pair) -> Measurement:
        recording = pair.reconstruction
        if recording.is_silent:
            raise Undefined("the reconstruction is silent")
        return Measurement(dict(recording.remember("dnsmos", lambda: self._predict(recording))))

    def _predict(self, recording: Recording) -> dict[str, float]:
        waveform = np.clip(recording.at(self.sample_rate), -1, 1)
        length = int(WINDOW_S * self.sample_rate)
        while len(waveform) < length:
            waveform = np.concatenate([waveform, waveform])
        count = int(len(waveform) // self.sample_rate - WINDOW_S) + 1
        scores = []
        for second in range(count):
            excerpt = waveform[second * self.sample_rate :][:length]
            if len(excerpt) == length:
                scores.append(self._judge(excerpt))
        return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}

    def _judge(self, excerpt: np.ndarray) -> dict[str, float]:
        signal, background, overall = self._p835.run(None, {"input_1": excerpt[None]})[0][0]
        raw = {"dnsmos_sig": signal, "dnsmos_bak": background, "dnsmos_ovrl": overall}
        scores = {name: float(np.polyval(_CALIBRATION[name], value)) for name, value in raw.items()}
        mel = _scaled_log_mel(excerpt[:-160])[None]
        return scores | {"dnsmos_p808": float(self._p808.run(None, {"input_1": mel})[0][0][0])}

    @cached_property
    def _p835(self) -> Any:
        return _session("sig_bak_ovr.onnx")

    @cached_property
    def _p808(self) -> Any:
        return _session("model_v8.onnx")


def _session(name: str) -> Any:
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    # One thread: processes run side by side, and sums keep their order whatever the number of cores.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    package = find_spec("speechmos")
    assert package is not None
    assert package.origin is not None
    weights = Path(package.origin).parent / "dnsmos_models" / name
    return InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])


def _scaled_log_mel(waveform: np.ndarray) -> np.ndarray:
    """The P.808 network's input `[frames, 120]`: mel power in dB under its maximum, floor -80 dB, scaled to [-1, 1].

    Odd frames of 321 samples every 160, centred, zeros at the ends; 120 mel bands.
    """
    size, hop = 321, 160
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(waveform, size // 2), size)[::hop]
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    power = np.square(np.abs(np.fft.rfft(frames * taper.astype(np.float32), axis=1)))
    mel = np.einsum("tf,fm->tm", power, mel_filters(size, 120, 16_000))
    decibels = 10 * np.log10(np.maximum(mel, 1e-10) / max(float(mel.max()), 1e-10))
    return ((np.maximum(decibels, -80.0) + 40) / 40).astype(np.float32)
