"""The folder of a run: its configuration, where it ran, and its checkpoints.

RUN/config.yaml         the resolved configuration
RUN/sessions.jsonl      a line each time it was started: date, command, git revision, versions, devices
RUN/checkpoints/        see checkpoints.py
RUN/metrics.jsonl, RUN/tensorboard/, RUN/curves.png     see logger.py
RUN/model/              the outcome, for `WavCube.from_pretrained`
"""

import datetime
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from wavcube.config import Config, config_yaml, differences
from wavcube.errors import CheckpointError, ConfigError
from wavcube.files import atomic_path

CONFIG = "config.yaml"

LIBRARIES = ("wavcube", "torch", "lightning", "transformers", "numpy", "torchdata", "lhotse", "soundfile", "soxr")


def settle_config(
    folder: Path,
    requested: Config | None,
    resume: bool,
    *,
    load: Callable[[Path], Config],
    may_change: tuple[str, ...],
) -> Config:
    """The configuration that a run will have: `requested` for a new one, that of the folder for one that goes on.

    Args:
        load: reads the folder's own.
        may_change: beginnings of the names of settings that a resumed run may have other values of.

    Raises:
        ConfigError: the folder is in use, there is nothing to resume and nothing requested, or the request differs from
            the configuration that the run was begun with.
    """
    path = folder / CONFIG
    if not path.exists():
        if folder.is_dir() and any(folder.iterdir()):
            raise ConfigError(f"{folder}: is not empty and holds no run; choose another folder")
        if requested is None:
            raise ConfigError(f"{folder}: there is no run to resume; give a recipe to begin one")
        return requested
    if not resume:
        raise ConfigError(f"{folder}: holds a run already; go on with --resume, or choose another folder")
    before = load(path)
    if requested is None:
        return before
    changed = [name for name in differences(before, requested) if not name.startswith(may_change) or name == "run.seed"]
    if changed:
        raise ConfigError(
            f"{folder}: this run was begun with another configuration: {', '.join(changed[:5])} differ"
            f"{'s' if len(changed) == 1 else ''}; resume it as it was, or begin a new run in another folder"
        )
    return requested


def begin_session(folder: Path, config: Any, facts: dict[str, Any]) -> None:
    """Write the configuration, and note where and with what the run is (again) started."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checkpoints").mkdir(exist_ok=True)
    with atomic_path(folder / CONFIG) as temporary:
        temporary.write_text(config_yaml(config), encoding="utf-8")
    session = {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": sys.argv,
        "git": git_revision(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "versions": {name: found for name in LIBRARIES if (found := _version(name))},
        "cuda": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        **facts,
    }
    with (folder / "sessions.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(session) + "\n")


def check_space(folder: Path, checkpoint_bytes: int, keep: int) -> None:
    """Refuse to begin where the disk cannot take the checkpoints that will lie there at once."""
    needed = checkpoint_bytes * (keep + 2)  # the best one, and the one that is being written
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CheckpointError(
            f"{folder}: {keep + 2} checkpoints need {needed / 1e9:.1f} GB, the disk has {free / 1e9:.1f} GB free; make "
            "room or lower run.keep"
        )


def git_revision() -> str | None:
    """Commit of the repository that the package lies in, with + if files differ from it; None outside of one."""

    def git(*arguments: str) -> str:
        here = Path(__file__).parent
        return subprocess.run(
            ["git", *arguments], cwd=here, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
