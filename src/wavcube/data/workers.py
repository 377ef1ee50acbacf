"""Processes that load data for a run: signals are for their parent, and their death is one sentence."""

import multiprocessing
import os
import signal
import threading

from wavcube.errors import DataError

STOP_SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGUSR1] if hasattr(signal, "SIGUSR1") else [])]
"""Ctrl-C; what a scheduler sends before it kills; what Slurm sends on request some minutes before (--signal)."""


def leave_signals_to_the_parent(worker: int) -> None:
    """Ignore the signals that ask a run to stop; `worker_init_fn` of a loader.

    Terminals and schedulers send them to every process. The parent finishes its step and writes a checkpoint, which
    takes the position of the workers; they end when it closes the loader or ends them, or when it is gone.
    """
    for number in STOP_SIGNALS:
        if number != signal.SIGTERM:
            signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # elsewhere one cannot know who sent it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_when_the_parent_asks, daemon=True).start()


def _end_when_the_parent_asks() -> None:
    parent = multiprocessing.parent_process()
    while parent is not None and signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent.pid:
        pass
    os._exit(0)


def dead_worker(error: BaseException) -> DataError | None:
    """The sentence for an error that means a worker died, as when memory runs out; None for any other.

    Torch notices the death itself, wherever its parent is at work, or the broken connection to the worker, whichever
    comes first. An error that a living worker reports begins with "Caught".
    """
    text = str(error)
    by_torch = isinstance(error, RuntimeError) and text.startswith("DataLoader worker")
    if not by_torch and not (isinstance(error, OSError | EOFError) and "Caught" not in text):
        return None
    return DataError(
        f"a data worker process died ({text or type(error).__name__}); often memory has run out: lower `workers` or "
        "`shuffle_buffer`"
    )
