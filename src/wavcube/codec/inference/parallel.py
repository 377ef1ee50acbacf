"""Pieces of work side by side on the cores of a CPU, each with its share of torch's threads.

Small layers hardly gain from a second thread, while two batches or chunks on one thread each take the time of one.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_WORKERS = 4
"""Each of them holds the activations of a piece of its own; with more cores, each gets several threads."""


def cpu_workers() -> int:
    """Pieces that are worth computing side by side with the threads that torch has here."""
    return min(torch.get_num_threads(), MOST_WORKERS)


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Result]]:
    """Every item with what `function` makes of it, in their order; `workers` items at a time.

    Items are taken as they are needed, at most one more than are computed. Gradients are tracked in `function` only if
    it asks for them itself; autocast and inference mode are those of the caller. With one worker nothing is threaded.
    """
    if workers <= 1:
        yield from ((item, function(item)) for item in items)
        return
    threads = torch.get_num_threads()
    inference, autocast = torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu")

    def run(item: Item) -> Result:
        with torch.inference_mode(inference), torch.no_grad(), torch.autocast("cpu", dtype, enabled=autocast):
            return function(item)

    under_way: deque[tuple[Item, Future[Result]]] = deque()
    # The number of threads belongs to a thread; torch gives that of the last call to threads it has not met.
    pool = ThreadPoolExecutor(workers, "compute", torch.set_num_threads, (max(1, threads // workers),))
    try:
        for item in items:
            under_way.append((item, pool.submit(run, item)))
            if len(under_way) > workers:
                done, future = under_way.popleft()
                yield done, future.result()
        while under_way:
            done, future = under_way.popleft()
            yield done, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
