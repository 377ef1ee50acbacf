"""PESQ where the library has no answer, or crashes."""

import numpy as np

from wavcube.evaluation.metrics import Pair, Recording
from wavcube.evaluation.metrics.pesq import WidebandPESQ


def _bursts(seconds: float, period: float, length: float) -> np.ndarray:
    time = np.arange(int(seconds * 16_000)) / 16_000
    noise = np.random.default_rng(0).standard_normal(len(time))
    return (0.3 * noise * (time % period < length)).astype(np.float32)


def _reason(waveform: np.ndarray) -> str:
    pair = Pair(Recording(waveform, 16_000), Recording(0.9 * waveform, 16_000))
    return WidebandPESQ()(pair).undefined.get("pesq_wb", "")


def test_more_bursts_than_the_library_holds_do_not_crash() -> None:
    # 66 bursts: the library has room for 50 and writes past its end.
    assert "bursts of speech" in _reason(_bursts(30, 0.45, 0.22))


def test_fewer_bursts_have_a_value() -> None:
    assert _reason(_bursts(12, 0.5, 0.25)) == ""


def test_very_long_recordings_are_refused() -> None:
    assert _reason(_bursts(61, 61, 60)) == "longer than 60 s, beyond what PESQ is made for"


def test_short_recordings_give_the_librarys_reason() -> None:
    assert _reason(_bursts(0.2, 1, 1)) == "pesq: buffer needs to be at least 1/4 of a second long"
