"""Decoding and resampling in processes that run ahead of the device."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Self

import numpy as np

from wavcube.data.clip import Clip, read_clip
from wavcube.errors import AudioError, WavCubeError
from wavcube.framing import SAMPLE_RATE, WINDOW_LENGTH

GROUP_SECONDS, GROUP_CLIPS = 30.0, 32
"""What a process decodes at a time: so much speech, or so many clips."""

_USUAL_SECONDS = 10.0  # of a clip whose duration the list does not have


@dataclass(frozen=True)
class Decoded:
    """A clip and its waveform [S], float32 at 16 kHz; or the reason why there is none.

    `notes` are oddities of a recording that can be used all the same.
    """

    clip: Clip
    waveform: np.ndarray | None
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return 0.0 if self.waveform is None else len(self.waveform) / SAMPLE_RATE


class Decoders:
    """Processes that decode clips; shared by all shards that are under way.

    Args:
        processes: how many; 0 decodes in a thread of this process.
    """

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self._lock = threading.Lock()
        self._pool = self._new_pool()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; what they are at is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def decode(self, clips: Iterator[Clip], ahead: float) -> Iterator[Decoded]:
        """The clips in order, decoded; those of the next `ahead` seconds are under way meanwhile.

        What goes wrong with a clip is in its `Decoded`; what `clips` raises comes through. A process that dies (of too
        little memory, usually) is replaced, and its clips are decoded again, at last one by one.
        """
        groups = _groups(clips)
        waiting: deque[_Group] = deque()
        seconds = 0.0
        more = True
        while more or waiting:
            while more and (seconds < ahead or not waiting):
                group = next(groups, None)
                if group is None:
                    more = False
                    break
                self._submit(group)
                waiting.append(group)
                seconds += group.seconds
            if waiting:
                group = waiting.popleft()
                yield from self._result(group, waiting)
                seconds -= group.seconds

    def _new_pool(self) -> Executor:
        if not self.processes:
            return ThreadPoolExecutor(1, "decoder")
        # Not forked: the process that computes has threads.
        return ProcessPoolExecutor(self.processes, multiprocessing.get_context("spawn"), _begin)

    def _submit(self, group: "_Group") -> None:
        with self._lock:
            group.pool = self._pool
            try:
                group.future = self._pool.submit(_decode_group, [_without_columns(clip) for clip in group.clips])
            except BrokenProcessPool:
                self._pool = group.pool = self._new_pool()
                group.future = self._pool.submit(_decode_group, [_without_columns(clip) for clip in group.clips])

    def _result(self, group: "_Group", waiting: "deque[_Group]") -> Iterator[Decoded]:
        for _ in range(3):
            try:
                found = group.future.result()
                break
            except BrokenProcessPool:
                self._replace(group.pool)
                for other in (group, *waiting):
                    self._submit(other)
        else:
            found = [self._alone(clip) for clip in group.clips]
        for clip, one in zip(group.clips, found, strict=True):
            yield Decoded(clip, *one)

    def _replace(self, broken: Executor) -> None:
        with self._lock:
            if self._pool is broken:  # else another shard's thread was first
                broken.shutdown(wait=False)
                self._pool = self._new_pool()

    def _alone(self, clip: Clip) -> "_Found":
        """Decode a clip of a group that processes died with, in a process of its own."""
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin) as pool:
            try:
                return pool.submit(_decode_group, [clip]).result()[0]
            except BrokenProcessPool:
                return None, f"{clip.name}: the process that decoded it died (of too little memory?)", ()


_Found = tuple[np.ndarray | None, str, tuple[str, ...]]


class _Group:
    """Clips that are decoded together, and the call that does it."""

    future: "Future[list[_Found]]"
    pool: Executor

    def __init__(self, clips: list[Clip], seconds: float) -> None:
        self.clips, self.seconds = clips, seconds


def _groups(clips: Iterator[Clip]) -> Iterator[_Group]:
    group, seconds = [], 0.0
    for clip in clips:
        group.append(clip)
        seconds += _USUAL_SECONDS if clip.seconds is None else clip.seconds
        if seconds >= GROUP_SECONDS or len(group) >= GROUP_CLIPS:
            yield _Group(group, seconds)
            group, seconds = [], 0.0
    if group:
        yield _Group(group, seconds)


def _without_columns(clip: Clip) -> Clip:
    """What decoding needs of a clip: less to send."""
    return Clip(clip.name, clip.path, clip.start, clip.seconds, clip.channel, audio=clip.audio)


def _begin() -> None:
    """In a process that decodes: leave Ctrl-C to its parent, and end when that is gone, even by a kill."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel

        def watch() -> None:
            multiprocessing.connection.wait([sentinel])
            os._exit(1)

        threading.Thread(target=watch, name="watch", daemon=True).start()


def _decode_group(clips: list[Clip]) -> list[_Found]:
    return [_decode(clip) for clip in clips]


def _decode(clip: Clip) -> _Found:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            waveform = read_clip(clip, SAMPLE_RATE)
            if len(waveform) < WINDOW_LENGTH:
                raise AudioError(f"{len(waveform)} samples at {SAMPLE_RATE} Hz are too short for one frame")
        except Exception as error:  # whatever it is, it is this recording's
            why = str(error) if isinstance(error, WavCubeError) else f"{error} ({type(error).__name__})"
            return None, why if clip.name in why else f"{clip.name}: {why}", ()
    return waveform, "", tuple(str(one.message) for one in caught)
