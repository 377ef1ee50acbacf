"""Finished work survives whatever ends a run, and is never taken for other work."""

from pathlib import Path

import pytest

from tests.evaluation.conftest import StubASR
from wavcube.data.clip import Clip
from wavcube.errors import DataError
from wavcube.evaluation.metrics import Measurement, Metric
from wavcube.evaluation.metrics.si_sdr import SISDR
from wavcube.evaluation.metrics.stoi import STOI, ExtendedSTOI
from wavcube.evaluation.metrics.wer import WordErrorRate
from wavcube.evaluation.results import ResultStore, Task, make_tasks
from wavcube.evaluation.systems import Identity, Resampled, System

DONE = Measurement({"stoi": 0.9}, {"estoi": "short"}, {"hypothesis": "ein Wört\nzwei"})


def _task(key: str) -> Task:
    return Task("utterance", "system", "stoi", key)


def test_measurements_are_read_back(tmp_path: Path) -> None:
    with ResultStore(tmp_path / "m.jsonl") as store:
        store.add([(_task("a"), DONE)])
        assert _task("a") in store
    with ResultStore(tmp_path / "m.jsonl") as store:
        assert _task("a") in store
        assert _task("b") not in store
        assert store[_task("a")] == DONE


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "m.jsonl"
    with ResultStore(path) as store:
        store.add([(_task("a"), DONE), (_task("b"), DONE)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with ResultStore(path) as store:
        assert _task("a") in store
        assert _task("b") not in store
        store.add([(_task("b"), DONE)])
    assert path.read_bytes() == whole


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text("something\nelse\n")
    with pytest.raises(DataError, match=r"m\.jsonl, line 1: is not a measurement"):
        ResultStore(tmp_path / "m.jsonl")


def test_unforeseen_failures_are_tried_again(tmp_path: Path) -> None:
    failed = Measurement(undefined={"stoi": "failed: MemoryError: "})
    with ResultStore(tmp_path / "m.jsonl") as store:
        store.add([(_task("a"), failed), (_task("b"), Measurement(undefined={"stoi": "silent"}))])
    with ResultStore(tmp_path / "m.jsonl") as store:
        assert _task("a") not in store
        assert _task("b") in store


def test_keys_tell_apart_what_changes_the_number(tmp_path: Path) -> None:
    def key(system: System, metric: Metric, name: str = "one", content: str = "a", text: str | None = None) -> str:
        (tmp_path / "one.wav").write_text(content)
        utterance = Clip(name, tmp_path / "one.wav", transcript=text)
        (task,) = make_tasks(utterance, [system], [metric]).values()
        return task.key

    first = key(Identity(), STOI())
    assert key(Identity(), STOI()) == first
    others = [
        key(Identity(), STOI(), content="b"),
        key(Identity(), STOI(), text="words"),
        key(Identity(), STOI(), name="two"),
        key(Resampled(), STOI()),
        key(Identity(), ExtendedSTOI()),
        key(Identity(), SISDR()),
        key(Identity(), WordErrorRate(StubASR())),
        key(Identity(), WordErrorRate(StubASR(), "lower")),  # of the same name
    ]
    assert len({*others, first}) == len(others) + 1
