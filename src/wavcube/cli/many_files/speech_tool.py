"""Running over many recordings what makes speech of speech: one waveform of each, or several."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from wavcube.cli.many_files.batches import Task, run
from wavcube.cli.many_files.plan import Plan, settle_existing
from wavcube.cli.many_files.provenance import Maker, Model
from wavcube.cli.many_files.recordings import read_recording, write_recordings
from wavcube.data.bucketing import BatchLimits

if TYPE_CHECKING:
    import numpy as np

Recording = dict[str, Any]
"""As `encode` takes it: array, sampling rate, path."""


def run_tool(
    plan: Plan,
    tool: Model,
    command: str,
    verb: str,
    compute: "Callable[[list[Recording]], Sequence[np.ndarray]]",
    in_pieces: "Callable[[Recording, Callable[[float], None]], np.ndarray] | None" = None,
    *,
    overwrite: bool,
    strict: bool,
    workers: int,
    limits: BatchLimits | None = None,
) -> None:
    """Make the results of a plan; see `run`, which says what becomes of bad files.

    Args:
        plan: recordings and their results.
        tool: what makes them.
        command: with all options that change results, for their records.
        verb: in the past tense, for the summary ("enhanced").
        compute: waveforms of recordings, each [S], or [N, S] where a recording has several results.
        in_pieces: the same of a recording beyond the limits, alone, with calls for the share that is done.
        overwrite: make results anew that exist.
        strict: stop at the first bad file.
        workers: batches side by side.
        limits: of a batch; without them 20 s, and what the tool cuts in pieces alone.

    Raises:
        WavCubeError: a result exists that was made otherwise; or see `run`.
    """
    maker = Maker(command, tool)
    settle_existing(plan, maker, overwrite)
    task = Task(
        verb,
        lambda job: read_recording(job, tool, maker),
        compute,
        lambda job, made: write_recordings(job, made if made.ndim == 2 else made[None], tool, maker),
        in_pieces,
    )
    limits = limits or BatchLimits(20.0, 0.25, tool.chunking.above or 30.0)
    run(plan, task, limits, strict=strict, workers=workers)
