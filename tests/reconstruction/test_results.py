"""Finished work survives whatever ends a run, and is never taken for other work."""

from dataclasses import replace
from pathlib import Path

import pytest

from wavcube.errors import DataError
from wavcube.reconstruction.metrics import Measurement
from wavcube.reconstruction.metrics.si_sdr import SISDR
from wavcube.reconstruction.metrics.stoi import STOI, ExtendedSTOI
from wavcube.reconstruction.results import ResultStore, Task, make_task
from wavcube.reconstruction.systems import Identity, Resampled
from wavcube.reconstruction.utterances import Utterance

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


def test_keys_tell_apart_what_changes_the_number() -> None:
    utterance = Utterance("one", Path("one.wav"))
    system, metric = Identity(), STOI()
    key = make_task(utterance, "recording", system, metric).key
    assert make_task(utterance, "recording", Identity(), STOI()).key == key
    others = [
        make_task(utterance, "another recording", system, metric),
        make_task(replace(utterance, name="two"), "recording", system, metric),
        make_task(utterance, "recording", Resampled(), metric),
        make_task(utterance, "recording", system, ExtendedSTOI()),
        make_task(utterance, "recording", system, SISDR()),
    ]
    assert len({task.key for task in others} | {key}) == len(others) + 1
