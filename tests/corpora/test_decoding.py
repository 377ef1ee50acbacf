"""Processes that decode, and that die."""

import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from wavcube.corpora import decoding
from wavcube.corpora.decoding import Decoders
from wavcube.data.clip import Clip, read_clip


def clips_of(paths: list[Path]) -> list[Clip]:
    return [Clip(path.stem, path, seconds=20.0) for path in paths]  # two make a group


def test_clips_in_their_order(write_tones) -> None:
    clips = clips_of(write_tones(7, 20.0))
    clips[3] = Clip("none", Path("none.flac"), seconds=1.0)
    with Decoders(0) as decoders:
        found = list(decoders.decode(iter(clips), ahead=50.0))
    assert [one.clip for one in found] == clips
    assert found[3].waveform is None
    assert found[3].reason == "none.flac: no such file"
    for one in (*found[:3], *found[4:]):
        assert np.array_equal(one.waveform, read_clip(one.clip))


def test_a_process_that_dies_costs_nothing(write_tones) -> None:
    clips = clips_of(write_tones(9, 20.0))
    with Decoders(1) as decoders:
        found = []
        for one in decoders.decode(iter(clips), ahead=50.0):
            found.append(one)
            if len(found) == 2:
                for process in multiprocessing.active_children():
                    os.kill(process.pid, signal.SIGKILL)
    assert [one.clip for one in found] == clips
    assert all(one.waveform is not None for one in found)


def test_a_recording_that_ends_every_process_is_found(write_tones, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to spend minutes on starting processes, each is one here that lives as long as nothing fatal comes up."""
    from concurrent.futures import Future
    from concurrent.futures.process import BrokenProcessPool

    class MortalPool:
        def __init__(self, *_: object) -> None:
            self.dead = False

        def submit(self, function, clips) -> Future:
            future: Future = Future()
            if self.dead or any(clip.name == "clip0002" for clip in clips):
                self.dead = True
                future.set_exception(BrokenProcessPool("died"))
            else:
                future.set_result(function(clips))
            return future

        def shutdown(self, **_: object) -> None:
            pass

        def __enter__(self) -> "MortalPool":
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(decoding, "ProcessPoolExecutor", MortalPool)
    clips = clips_of(write_tones(6, 20.0))
    with Decoders(1) as decoders:
        found = list(decoders.decode(iter(clips), ahead=100.0))
    assert [one.clip.name for one in found if one.waveform is None] == ["clip0002"]
    assert found[2].reason == "clip0002: the process that decoded it died (of too little memory?)"
