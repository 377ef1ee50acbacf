"""A trial of a few steps was refused for its recipe's warm-up, and what a scheduler sends ended runs in a traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.conftest import recordings, small_settings  # noqa: F401
from tests.training.runs import empty_recipe
from wavcube.engine import fit
from wavcube.errors import DataError, WavCubeWarning
from wavcube.generation.enhancement.training.config import EnhanceTrainConfig
from wavcube.generation.regression.training.config import read_recipe as read_mixture_recipe
from wavcube.generation.tts.training.recipe import read_recipe as read_tts_recipe
from wavcube.training.recipe import load_config, read_recipe
from wavcube.training.run import train_run


def test_a_run_no_longer_than_its_warmup_gets_a_shorter_one(tmp_path: Path, small_settings: list[str]) -> None:  # noqa: F811
    recipe, run = empty_recipe(tmp_path), tmp_path / "run"
    settings = [*small_settings, "optimizer.warmup=500", "optimizer.steps=2"]
    with pytest.warns(WavCubeWarning, match=r"optimizer\.warmup is 500 and the run has 2 steps: it warms up for 0"):
        assert train_run("stage1", run, recipe=recipe, settings=settings)
    assert load_config(run / "config.yaml").optimizer.warmup == 0
    assert train_run("stage1", run, resume=True)


def test_every_task_takes_such_settings() -> None:
    few = ["optimizer.steps=6"]
    assert read_recipe("stage2", "finetune", [*few, "init_from=packaged"]).optimizer.steps == 6
    assert read_tts_recipe("tts-finetune", few).optimizer.steps == 6
    assert read_mixture_recipe(EnhanceTrainConfig, "enhance-small", few).optimizer.steps == 6


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGUSR1, marks=pytest.mark.long)])
def test_signals_to_all_processes_of_a_run(number: signal.Signals, tmp_path: Path, small_settings: list[str]) -> None:  # noqa: F811
    recipe, run = empty_recipe(tmp_path), tmp_path / "run"
    settings = [*small_settings, "optimizer.steps=100000", "loader.workers=1", "run.log_every=1"]
    command = [sys.executable, "-m", "wavcube", "train", "stage1", "--recipe", str(recipe), "-o", str(run)]
    command += [word for setting in settings for word in ("--set", setting)]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("step 2:"):
                break
        os.killpg(process.pid, number)
        rest = process.stderr.read()
    assert process.returncode == 130, rest
    assert "its checkpoint is written, go on with --resume" in rest
    assert "Traceback" not in rest


def test_a_worker_that_dies_while_the_run_computes(
    tmp_path: Path,
    small_settings: list[str],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die(*_: object) -> None:
        raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Killed.")

    monkeypatch.setattr(fit, "learning_rate_factor", die)
    with pytest.raises(DataError, match="a data worker process died"):
        train_run("stage1", tmp_path / "run", recipe=empty_recipe(tmp_path), settings=small_settings)
