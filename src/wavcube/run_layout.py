"""The places of weights in the folder of a training run, for those who write and those who load them.

RUN/checkpoints/step-00005000/    what training goes on from and what users load
RUN/model/                        the outcome of a finished run
"""

from pathlib import Path

CHECKPOINTS, MODEL = "checkpoints", "model"

STATE = "trainer/state.json"
"""Written last: its presence marks a whole checkpoint."""


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint in a run's checkpoints folder."""
    whole = sorted(path.parent.parent for path in folder.glob(f"step-*/{STATE}"))
    return whole[-1] if whole else None


def model_of_run(folder: Path, *files: str) -> Path | None:
    """The folder with `files` that a run's folder stands for: its outcome, else its newest checkpoint.

    None where `folder` is no run, or one without a checkpoint.
    """
    for candidate in (folder / MODEL, latest_checkpoint(folder / CHECKPOINTS)):
        if candidate is not None and all((candidate / file).is_file() for file in files):
            return candidate
    return None
