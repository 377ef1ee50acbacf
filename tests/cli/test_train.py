"""`wavcube train` as it is typed: errors in one sentence, Ctrl-C, kill -9, and the debug recipe."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.locations import REPOSITORY
from wavcube.audio.io import save_audio
from wavcube.cli.app import app
from wavcube.errors import CheckpointError, ConfigError, WavCubeError
from wavcube.run_layout import latest_checkpoint


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    """An endless little run."""
    import numpy as np

    folder = tmp_path_factory.mktemp("recipe")
    random = np.random.default_rng(0)
    for i in range(2):
        save_audio(folder / f"{i}.wav", 0.1 * random.standard_normal(16_000).astype(np.float32), 16_000)
    (folder / "recipe.yaml").write_text(
        f"""
start: random
model: {{preset: tiny, statistics_clips: 1}}
data: {{sources: [{{path: {folder}}}]}}
validation_data: {{sources: [{{path: {folder}}}]}}
loader: {{crop_seconds: 0.25, batch_size: 1, workers: 1}}
losses: {{gan: 0, stft_windows: [256]}}
discriminator: {{periods: [], windows: []}}
optimizer: {{steps: 100000, warmup: 0}}
validation: {{every: 0, crop_seconds: 0.25}}
run: {{log_every: 2, save_every: 3}}
hardware: {{accelerator: cpu, devices: 1}}
"""
    )
    return folder / "recipe.yaml"


def train(*arguments: object) -> WavCubeError:
    """The error that a command ends with."""
    result = CliRunner().invoke(app, ["train", *map(str, arguments)])
    assert isinstance(result.exception, WavCubeError), result.output
    return result.exception


def test_errors_name_what_is_wrong(recipe, tmp_path):
    error = train("stage1", "--recipe", recipe, "--set", "losses.mell=1", "--out", tmp_path / "run")
    assert isinstance(error, ConfigError)
    assert "losses.mell" in str(error)
    assert "absent.yaml" in str(train("stage1", "--recipe", "absent.yaml", "--out", tmp_path / "run"))
    error = train("stage2", "--recipe", recipe, "--from", tmp_path / "nothing", "--out", tmp_path / "run")
    assert isinstance(error, CheckpointError)
    assert "nothing" in str(error)
    assert "no run to resume" in str(train("stage1", "--resume", "--out", tmp_path / "run"))
    assert "--recipe" in str(train("stage1", "--out", tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def start(*arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "wavcube", "train", *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for_step(process: subprocess.Popen, run: Path, beyond: int) -> int:
    """The step of a run's newest checkpoint, once it is above `beyond`."""
    while process.poll() is None:
        newest = latest_checkpoint(run / "checkpoints")
        if newest is not None and (step := int(newest.name.removeprefix("step-"))) > beyond:
            return step
        time.sleep(0.1)
    raise AssertionError(process.communicate()[1])


@pytest.mark.long
def test_a_killed_run_goes_on_and_ctrl_c_ends_it_cleanly(recipe, tmp_path):
    run = tmp_path / "run"
    process = start("stage1", "--recipe", recipe, "--out", run)
    reached = wait_for_step(process, run, 0)
    process.kill()
    process.communicate()
    process = start("stage1", "--resume", "--out", run)
    wait_for_step(process, run, reached)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "its checkpoint is written, go on with --resume" in said
    assert "Traceback" not in said
    newest = latest_checkpoint(run / "checkpoints")
    state = json.loads((newest / "trainer/state.json").read_text())
    assert f"stopped at step {state['step']}" in said
    assert (run / "curves.png").exists()


@pytest.mark.slow
def test_the_debug_recipe_learns(tmp_path):
    """Both stages; in stage 1 the mel loss falls by 30 % and the semantic loss by half."""
    recipe = REPOSITORY / "recipes/debug.yaml"
    for task, arguments in (("stage1", []), ("stage2", ["--from", tmp_path / "stage1"])):
        command = [sys.executable, "-m", "wavcube", "train", task, "--recipe", recipe, "--out", tmp_path / task]
        subprocess.run([str(word) for word in (*command, *arguments)], check=True, cwd=REPOSITORY)
        lines = [json.loads(line) for line in (tmp_path / task / "metrics.jsonl").read_text().splitlines()]
        validations = [line for line in lines if "validation/mel" in line]
        first, last = validations[0], validations[-1]
        if task == "stage1":
            assert last["validation/mel"] < 0.7 * first["validation/mel"]
            assert last["validation/restored"] < 0.5 * first["validation/restored"]
        else:
            assert last["validation/mel"] < first["validation/mel"]
            assert last["validation/student"] < 0.2
