"""Distances between spectrograms: mel spectrogram, and spectra at three resolutions."""

from typing import Any

import numpy as np

from wavcube.audio.mel import mel_filters
from wavcube.evaluation.metric import Measurement, Metric, Pair, Quantity, Recording, refuse_silence

FLOOR = 1e-5
"""Magnitudes below it (-100 dB) count as it, so that digital silence is not infinitely far from near-silence."""


class MelDistance(Metric):
    """Mean absolute difference of log-mel spectrograms, in dB, over all bands and frames.

    80 bands of equal area up to 8 kHz (the slaney scale and norm), Hann window of 1024, hop 256, magnitudes.
    """

    name = "mel"
    quantities = (Quantity("mel_distance", "mel distance", "dB", "lower", 2),)
    sample_rate = 16_000
    citation = "L1 of log-mel magnitudes, as in Kumar et al., NeurIPS 2023, at one resolution and in dB"
    size, hop, bands = 1024, 256, 80

    def settings(self) -> dict[str, Any]:
        return {"size": self.size, "hop": self.hop, "bands": self.bands, "floor": FLOOR}

    def measure(self, pair: Pair) -> Measurement:
        refuse_silence(pair)
        difference = self._log_mel(pair.original) - self._log_mel(pair.reconstruction)
        return Measurement({"mel_distance": float(np.abs(difference).mean())})

    def _log_mel(self, recording: Recording) -> np.ndarray:
        def compute() -> np.ndarray:
            magnitude = spectrum(recording.at(self.sample_rate), self.size, self.hop, self.size)
            mel = np.einsum("tf,fm->tm", magnitude, mel_filters(self.size, self.bands, self.sample_rate))
            return 20 * np.log10(np.maximum(mel, FLOOR))

        return recording.remember("log-mel", compute)


class STFTDistance(Metric):
    """Multi-resolution STFT distance: spectral convergence plus mean absolute difference of log magnitudes.

    Averaged over the three resolutions of its authors: FFT 1024, 2048, 512; hop 120, 240, 50; window 600, 1200, 240.
    """

    name = "stft"
    quantities = (Quantity("stft_distance", "STFT distance", "", "lower", 2),)
    sample_rate = 16_000
    citation = "Yamamoto et al., ICASSP 2020 (the auxiliary loss of Parallel WaveGAN)"
    resolutions = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))

    def settings(self) -> dict[str, Any]:
        return {"resolutions": self.resolutions, "floor": FLOOR}

    def measure(self, pair: Pair) -> Measurement:
        refuse_silence(pair)
        distances = []
        for size, hop, window in self.resolutions:
            original = spectrum(pair.original.at(self.sample_rate), size, hop, window)
            reconstruction = spectrum(pair.reconstruction.at(self.sample_rate), size, hop, window)
            # Squared sums rather than np.linalg.norm, whose threaded BLAS depends on the number of threads.
            convergence = np.sqrt(np.square(original - reconstruction).sum() / np.square(original).sum())
            logarithmic = np.abs(np.log(np.maximum(original, FLOOR)) - np.log(np.maximum(reconstruction, FLOOR))).mean()
            distances.append(convergence + logarithmic)
        return Measurement({"stft_distance": float(np.mean(distances))})


def spectrum(waveform: np.ndarray, size: int, hop: int, window: int) -> np.ndarray:
    """Magnitudes `[frames, size // 2 + 1]`: periodic Hann window amid `size`, centred frames, reflected ends.

    Agrees with the magnitudes of torch.stft(center=True).
    """
    taper = np.zeros(size, np.float32)
    start = (size - window) // 2
    taper[start : start + window] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    waveform, reach = waveform.astype(np.float32), size // 2
    # Too short a recording has nothing to reflect.
    padded = np.pad(waveform, reach, "reflect") if len(waveform) > reach else np.pad(waveform, reach)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    return np.abs(np.fft.rfft(frames * taper, axis=1))
