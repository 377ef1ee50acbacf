"""Recordings, and what a metric's answer always looks like."""

import pickle

import numpy as np
import pytest

from wavcube.evaluation.metrics import METRICS, Measurement, Metric, Pair, Quantity, Recording, Undefined


class Broken(Metric):
    name = "broken"
    quantities = (Quantity("a", "A", "", "higher"), Quantity("b", "B", "", "lower"))
    sample_rate = 16_000
    citation = "nobody"

    def __init__(self, answer: Measurement | None) -> None:
        self.answer = answer

    def measure(self, pair: Pair) -> Measurement:
        if self.answer is None:
            raise Undefined("because")
        return self.answer


def test_recording_is_resampled_once(clip: np.ndarray) -> None:
    recording = Recording(clip, 16_000)
    assert recording.at(16_000) is clip
    assert len(recording.at(8_000)) == pytest.approx(len(clip) / 2, abs=1)
    assert recording.at(8_000) is recording.at(8_000)


def test_silence_is_measured_by_the_peak() -> None:
    assert Recording(np.full(100, 5e-5, np.float32), 16_000).is_silent
    assert not Recording(np.full(100, 5e-4, np.float32), 16_000).is_silent
    assert Recording(np.zeros(0, np.float32), 16_000).is_silent


def test_every_quantity_is_undefined_where_the_metric_is(pair: Pair) -> None:
    assert Broken(None)(pair).undefined == {"a": "because", "b": "because"}


def test_nan_is_not_a_value(pair: Pair) -> None:
    measurement = Broken(Measurement({"a": float("nan"), "b": 1.0}))(pair)
    assert measurement.values == {"b": 1.0}
    assert measurement.undefined == {"a": "came out as nan"}


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if not m.on_device])
def test_small_metrics_travel_to_other_processes(name: str, pair: Pair) -> None:
    metric = METRICS[name]()
    copy = pickle.loads(pickle.dumps(metric))
    assert copy(pair).values == metric(pair).values
    assert copy.fingerprint() == metric.fingerprint()


def test_every_metric_says_what_it_is() -> None:
    names = [q.name for metric in METRICS.values() for q in metric.quantities]
    assert len(names) == len(set(names))
    for metric in METRICS.values():
        assert metric.citation
        assert metric.__doc__
