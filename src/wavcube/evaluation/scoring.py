"""The small metrics, computed in worker processes beside the networks of the main one."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Self

import numpy as np

from wavcube.data.clip import Clip
from wavcube.errors import WavCubeError
from wavcube.evaluation.metric import FAILED, Measurement, Metric, Pair, Recording

Scores = dict[tuple[str, str], Measurement]
"""(system, metric) -> what was measured."""


def score_utterance(
    utterance: Clip,
    original: Recording,
    reconstructions: Mapping[str, Recording],
    pending_metrics: Mapping[str, Sequence[Metric]],
) -> Scores:
    """Score one utterance of several systems; what is computed of the original is computed once.

    Args:
        utterance: whose recordings these are.
        original: of the utterance.
        reconstructions: by system; the same object as `original` where a system gives that back.
        pending_metrics: metrics by system.
    """
    scores = {}
    for system, metrics in pending_metrics.items():
        pair = Pair(original, reconstructions[system], utterance.transcript, utterance.language)
        for metric in metrics:
            try:
                scores[system, metric.name] = metric(pair)
            except WavCubeError:
                raise
            except Exception as error:  # a library's failure on one recording must not lose the others
                reason = f"{FAILED}{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
                scores[system, metric.name] = Measurement(undefined={q.name: reason for q in metric.quantities})
    return scores


class Workers:
    """Processes that score utterances by small metrics. Their results do not depend on how many there are.

    Args:
        metrics: those that may be asked for.
        processes: how many to start.
    """

    def __init__(self, metrics: Sequence[Metric], processes: int) -> None:
        # Not forked: a fork of a process with running threads (torch, CUDA) may hang.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, context, initializer=_start_worker, initargs=(list(metrics),))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(wait=error is None, cancel_futures=True)

    def submit(
        self,
        utterance: Clip,
        original: Recording,
        reconstructions: Mapping[str, Recording],
        pending_metrics: Mapping[str, Sequence[str]],
    ) -> "Future[Scores]":
        """`score_utterance` in some worker; metrics are named."""
        waveforms = {
            system: None if reconstructions[system] is original else _sent(reconstructions[system])
            for system in pending_metrics
        }
        return self._pool.submit(_work, utterance, _sent(original), waveforms, dict(pending_metrics))


def result_of(future: "Future[Scores]") -> Scores:
    """Wait for a worker's answer.

    Raises:
        WavCubeError: the worker died.
    """
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise WavCubeError(
            "a worker process died, perhaps for lack of memory; what was finished is kept: run the same command again, "
            "with fewer --processes if it happens again"
        ) from error


_metrics: dict[str, Metric] = {}  # of this worker process


def _start_worker(metrics: list[Metric]) -> None:
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which then stops its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threadpool_limits(1)  # workers share the cores, and threaded sums depend on the number of threads
    _metrics.update({metric.name: metric for metric in metrics})


def _end_with_parent() -> None:
    """A main process that is killed cannot stop its workers, and they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(
    utterance: Clip,
    original: Recording,
    reconstructions: dict[str, Recording | None],
    pending_metrics: dict[str, Sequence[str]],
) -> Scores:
    filled = {system: original if sent is None else sent for system, sent in reconstructions.items()}
    chosen = {system: [_metrics[name] for name in names] for system, names in pending_metrics.items()}
    with np.errstate(all="ignore"):
        return score_utterance(utterance, original, filled, chosen)


def _sent(recording: Recording) -> Recording:
    """Without what the main process remembers of it, some of which lies on a device."""
    return Recording(recording.waveform, recording.sample_rate, recording.name, recording.bits)
