"""Values agree with the libraries' own, on speech with noise."""

import numpy as np
import pytest

from wavcube.evaluation.metrics import Pair
from wavcube.evaluation.metrics.dnsmos import DNSMOS
from wavcube.evaluation.metrics.f0 import F0, HIGHEST_HZ, LOWEST_HZ
from wavcube.evaluation.metrics.pesq import NarrowbandPESQ, WidebandPESQ
from wavcube.evaluation.metrics.si_sdr import SISDR
from wavcube.evaluation.metrics.spectral import MelDistance, STFTDistance, spectrum
from wavcube.evaluation.metrics.stoi import STOI, ExtendedSTOI


@pytest.fixture
def waveforms(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    return pair.original.waveform, pair.reconstruction.waveform


def test_stoi(pair: Pair, waveforms: tuple[np.ndarray, np.ndarray]) -> None:
    from pystoi import stoi

    assert STOI()(pair).values["stoi"] == pytest.approx(stoi(*waveforms, 16_000), abs=1e-9)
    assert ExtendedSTOI()(pair).values["estoi"] == pytest.approx(stoi(*waveforms, 16_000, extended=True), abs=1e-9)


def test_pesq(pair: Pair, waveforms: tuple[np.ndarray, np.ndarray]) -> None:
    from pesq import pesq

    assert WidebandPESQ()(pair).values["pesq_wb"] == pesq(16_000, *waveforms, "wb")
    assert NarrowbandPESQ()(pair).values["pesq_nb"] == pesq(16_000, *waveforms, "nb")


def test_si_sdr(pair: Pair, waveforms: tuple[np.ndarray, np.ndarray]) -> None:
    import torch
    from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio as si_sdr

    original, reconstruction = map(torch.from_numpy, waveforms)
    assert SISDR()(pair).values["si_sdr"] == pytest.approx(float(si_sdr(reconstruction, original)), abs=1e-3)
    # White noise 20 dB under speech is a distortion 20 dB under it.
    assert SISDR()(pair).values["si_sdr"] == pytest.approx(20.0, abs=0.2)


def test_spectrum_is_that_of_torch(clip: np.ndarray) -> None:
    import torch

    for size, hop, window in (*STFTDistance.resolutions, (1024, 256, 1024)):
        expected = torch.stft(
            torch.from_numpy(clip), size, hop, window, torch.hann_window(window), return_complex=True
        ).abs()
        np.testing.assert_allclose(spectrum(clip, size, hop, window), expected.T, atol=2e-4)


def test_stft_distance(pair: Pair, waveforms: tuple[np.ndarray, np.ndarray]) -> None:
    import torch

    expected = []
    for size, hop, window in STFTDistance.resolutions:
        original, made = (
            torch.stft(torch.from_numpy(w), size, hop, window, torch.hann_window(window), return_complex=True)
            .abs()
            .clamp_min(1e-5)
            for w in waveforms
        )
        convergence = torch.linalg.norm(original - made) / torch.linalg.norm(original)
        expected.append(float(convergence + (original.log() - made.log()).abs().mean()))
    assert STFTDistance()(pair).values["stft_distance"] == pytest.approx(np.mean(expected), rel=1e-3)


def test_mel_distance(pair: Pair, waveforms: tuple[np.ndarray, np.ndarray]) -> None:
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

    filters = mel_filter_bank(513, 80, 0.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney")
    original, made = (
        20
        * np.log10(
            spectrogram(w, window_function(1024), 1024, 256, 1024, power=1.0, mel_filters=filters, mel_floor=1e-5)
        )
        for w in waveforms
    )
    assert MelDistance()(pair).values["mel_distance"] == pytest.approx(np.abs(original - made).mean(), rel=1e-4)


def test_pitch(pair: Pair, waveforms: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn.metrics import f1_score
    from swift_f0 import SwiftF0

    original, made = (SwiftF0().detect(w, 16_000, LOWEST_HZ, HIGHEST_HZ) for w in waveforms)
    voiced = [track.confidence >= 0.5 for track in (original, made)]
    both = voiced[0] & voiced[1]
    cents = 1200 * np.log2(made.pitch_hz[both] / original.pitch_hz[both])
    values = F0()(pair).values
    assert values["voicing_f1"] == pytest.approx(f1_score(*voiced), abs=1e-9)
    assert values["log_f0_rmse"] == pytest.approx(np.sqrt((cents**2).mean()), rel=1e-3)
    assert 0 < values["log_f0_rmse"] < 100


# What speechmos 0.0.1.1 answers for the reconstruction of `pair`, whose waveform is made from a seed.
DNSMOS_OF_PAIR = {"ovrl_mos": 2.787161, "sig_mos": 3.572889, "bak_mos": 3.074592, "p808_mos": 3.0583}


def test_dnsmos(pair: Pair) -> None:
    values = DNSMOS()(pair).values
    for name, expected in DNSMOS_OF_PAIR.items():
        assert values["dnsmos_" + name.removesuffix("_mos")] == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [3.0, 9.01, 12.6])
def test_dnsmos_is_that_of_its_package(clip: np.ndarray, seconds: float) -> None:
    pytest.importorskip("librosa")
    from speechmos import dnsmos

    from wavcube.evaluation.metrics import Recording

    waveform = np.resize(clip, int(seconds * 16_000))
    expected = dnsmos.run(waveform, 16_000)
    values = DNSMOS()(Pair(Recording(clip, 16_000), Recording(waveform, 16_000))).values
    for name in DNSMOS_OF_PAIR:
        assert values["dnsmos_" + name.removesuffix("_mos")] == pytest.approx(expected[name], abs=1e-4)
