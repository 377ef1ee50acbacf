"""The folder of a run: its configuration, where it ran, and its checkpoints.

RUN/config.yaml         the resolved configuration
RUN/sessions.jsonl      a line each time it was started: date, command, settings, what changed, versions, devices
RUN/lock                while it trains, see lock.py
RUN/checkpoints/        see checkpoints.py
RUN/metrics.jsonl, RUN/tensorboard/, RUN/curves.png     see logger.py
RUN/model/              the outcome, as users load it; finished.json has the step that it is of
"""

import datetime
import json
import platform
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Generic, TypeVar

from wavcube.configuration.recipes import changes, config_yaml
from wavcube.engine.config import FitConfig, fit_warmup
from wavcube.engine.lock import LOCK
from wavcube.errors import CheckpointError, ConfigError, WavCubeWarning
from wavcube.files import atomic_path

CONFIG, SESSIONS, FINISHED = "config.yaml", "sessions.jsonl", "finished.json"

LIBRARIES = ("wavcube", "torch", "lightning", "transformers", "numpy", "torchdata", "lhotse", "soundfile", "soxr")


Config = TypeVar("Config", bound=FitConfig)


@dataclass
class Run(Generic[Config]):
    """A run that is to be begun, or to go on.

    Attributes:
        folder: of the run.
        config: that it will have.
        settings: what was given over the recipe this time.
        changed: what is different from when it last ran, a line each.
    """

    folder: Path
    config: Config
    settings: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def open_run(
    folder: Path,
    recipe: str | Path | None,
    settings: Sequence[str],
    resume: bool,
    *,
    read: Callable[[str | Path, Sequence[str]], Config],
    load: Callable[[Path, Sequence[str]], Config],
    fixed: Callable[[str], bool],
) -> Run[Config]:
    """The configuration that a run will have.

    A new run has that of its recipe with `settings` over it. One that goes on has its own, with `settings` over it;
    where a recipe is named again, that recipe's (which may have been edited), with the settings of all its sessions.

    Args:
        read: a recipe and settings to a configuration.
        load: a run's own configuration file and settings to one.
        fixed: whether a setting, by its dotted name, must stay what it was.

    Raises:
        ConfigError: the folder is in use, there is nothing to resume and no recipe, or a setting must stay.
    """
    path = folder / CONFIG

    def shortened(config: Config) -> Config:
        if note := fit_warmup(config):
            warnings.warn(note, WavCubeWarning, stacklevel=3)
        return config

    if recipe is None and not resume:
        raise ConfigError("name a recipe with --recipe (or, to go on with a run, --resume)")
    if not path.exists():
        if folder.is_dir() and any(file.name != LOCK for file in folder.iterdir()):
            raise ConfigError(f"{folder}: is not empty and holds no run; choose another folder")
        if recipe is None:
            raise ConfigError(f"{folder}: there is no run to resume; give a recipe with --recipe to begin one")
        return Run(folder, shortened(read(recipe, settings)), list(settings))
    if not resume:
        raise ConfigError(f"{folder}: holds a run already; go on with --resume, or choose another folder")
    try:
        before = load(path, [])
    except ConfigError as error:
        raise ConfigError(f"{folder}: holds a run that this command cannot go on with ({error})") from error
    if recipe is None:
        config = shortened(load(path, settings))
    else:
        config = shortened(read(recipe, [*_earlier_settings(folder), *settings]))
    changed = changes(before, config)
    # Without an average there is none to go on with, and with one the checkpoint has no place for it.
    ema = {"optimizer.ema"} if bool(before.optimizer.ema) != bool(config.optimizer.ema) else set()
    refused = [name for name in changed if fixed(name) or name in {"run.seed"} | ema]
    if refused:
        raise ConfigError(
            f"{folder}: {', '.join(refused[:5])} differ{'s' if len(refused) == 1 else ''} from what this run was begun "
            "with, and must stay; what may change are steps, rates, batches, data, validation, logs and hardware. "
            "Resume it as it was, or begin a new run in another folder"
        )
    lines = [f"{name}: {_short(old)} -> {_short(new)}" for name, (old, new) in changed.items()]
    return Run(folder, config, list(settings), lines)


def begin_session(run: Run[Any], facts: dict[str, Any]) -> None:
    """Write the configuration, and note where and with what the run is (again) started."""
    import torch  # a misspelt recipe is refused without it

    folder = run.folder
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / CONFIG) as temporary:
        temporary.write_text(config_yaml(run.config), encoding="utf-8")
    session = {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": sys.argv,
        "settings": run.settings,
        "changed": run.changed,
        "git": git_revision(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "versions": {name: found for name in LIBRARIES if (found := _version(name))},
        "cuda": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        **facts,
    }
    with (folder / SESSIONS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(session) + "\n")


def finished_step(folder: Path) -> int | None:
    """The step that RUN/model is of; None where there is no outcome yet."""
    try:
        return int(json.loads((folder / FINISHED).read_text(encoding="utf-8"))["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note_finished(folder: Path, step: int) -> None:
    """Note that RUN/model is the outcome after `step` steps."""
    with atomic_path(folder / FINISHED) as temporary:
        temporary.write_text(json.dumps({"step": step}) + "\n", encoding="utf-8")


def check_space(folder: Path, checkpoint_bytes: int, keep: int) -> None:
    """Refuse to begin where the disk cannot take the checkpoints that will lie there at once."""
    needed = checkpoint_bytes * (keep + 2)  # the best one, and the one that is being written
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CheckpointError(
            f"{folder}: {keep + 2} checkpoints need {_size(needed)}, the disk has {_size(free)} free; make room or "
            "lower run.keep"
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


def _earlier_settings(folder: Path) -> list[str]:
    """What was given over the recipe in all sessions so far, the last one last."""
    try:
        lines = (folder / SESSIONS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found: list[str] = []
    for line in lines:
        try:
            found += json.loads(line).get("settings", [])
        except (ValueError, AttributeError, TypeError):  # a line of a run that was killed
            continue
    return found


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.1f} kB"
