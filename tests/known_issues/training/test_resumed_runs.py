"""A run could only be resumed exactly as it was begun, not extended, and two could train in one folder at once."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.training.conftest import recordings, small_settings  # noqa: F401
from tests.training.runs import assert_equal, contents, empty_recipe
from wavcube.audio.io import load_audio, save_audio
from wavcube.cli.app import app
from wavcube.engine.logger import RunLogger
from wavcube.errors import ConfigError
from wavcube.run_layout import latest_checkpoint
from wavcube.training.run import train_run


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunLogger, "plot_curves", lambda self: None)


@pytest.fixture
def finished(tmp_path: Path, small_settings: list[str]) -> Path:  # noqa: F811
    run = tmp_path / "run"
    assert train_run("stage1", run, recipe=empty_recipe(tmp_path), settings=small_settings)
    return run


def last_session(run: Path) -> list[str]:
    return json.loads((run / "sessions.jsonl").read_text().splitlines()[-1])["changed"]


def test_a_finished_run_can_be_extended_with_other_settings(
    finished: Path,
    recordings: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    save_audio(more / "new.wav", load_audio(recordings / "0.wav", 16_000), 16_000)
    settings = [
        "optimizer.steps=6",
        "optimizer.lr=0.002",
        "optimizer.weight_decay=0.5",
        "loader.batch_size=3",
        "loader.workers=1",
        "hardware.precision=bf16",
        f"data.sources=[{{path: '{recordings}'}}, {{path: '{more}'}}]",
    ]
    assert train_run("stage1", finished, settings=settings, resume=True)
    state = contents(finished / "checkpoints/step-00000006")
    assert state["optimizers.pt"]["networks"]["param_groups"][0]["weight_decay"] == 0.5
    changed = last_session(finished)
    assert "optimizer.steps: 4 -> 6" in changed
    assert "hardware.precision: float32 -> bf16" in changed
    assert any(line.startswith("data: goes on at clip 8") and "was 8, now it is 9" in line for line in changed)
    said = capsys.readouterr().err
    assert "changed since it last ran: loader.batch_size: 2 -> 3" in said
    assert "finished after 6 steps; the result is" in said


def test_nothing_changes_bit_for_bit_where_nothing_is_changed(
    finished: Path,
    small_settings: list[str],  # noqa: F811
    tmp_path: Path,
) -> None:
    recipe = empty_recipe(tmp_path)
    settings = [*small_settings, "optimizer.steps=6", "run.save_every=2"]
    assert train_run("stage1", tmp_path / "whole", recipe=recipe, settings=settings)
    whole = contents(tmp_path / "whole/checkpoints/step-00000006")
    for name in ("checkpoints/step-00000006", "model"):
        (tmp_path / "whole" / name).rename(tmp_path / name.replace("/", "-"))
    assert train_run("stage1", tmp_path / "whole", settings=["run.log_every=1"], resume=True)
    assert_equal(whole, contents(tmp_path / "whole/checkpoints/step-00000006"))


def test_a_finished_run_says_where_its_result_is(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (finished / "sessions.jsonl").read_text()
    assert train_run("stage1", finished, resume=True)
    assert f"is finished, after 4 steps; the result is {finished / 'model'}" in capsys.readouterr().err
    assert (finished / "sessions.jsonl").read_text() == before
    (finished / "finished.json").unlink()  # killed before it could export
    (finished / "model" / "config.json").unlink()
    assert train_run("stage1", finished, resume=True)
    assert (finished / "model" / "config.json").is_file()


def test_what_may_not_change_is_refused_with_a_sentence(finished: Path) -> None:
    config = (finished / "config.yaml").read_text()
    with pytest.raises(
        ConfigError, match=r"model\.closed_form differs from what this run was begun with, and must stay"
    ):
        train_run("stage1", finished, settings=["model.closed_form=3"], resume=True)
    with pytest.raises(ConfigError, match="has taken 4 steps already"):
        train_run("stage1", finished, settings=["optimizer.steps=3"], resume=True)
    assert (finished / "config.yaml").read_text() == config


def test_a_section_of_a_task_can_be_set_as_in_a_recipe(finished: Path) -> None:
    settings = ["stage1.optimizer.steps=5", "stage2.optimizer.steps=9"]
    assert train_run("stage1", finished, settings=settings, resume=True)
    assert latest_checkpoint(finished / "checkpoints").name == "step-00000005"
    with pytest.raises(ConfigError, match=r"unknown key optimizer\.stepps"):
        train_run("stage1", finished, settings=["stage2.optimizer.stepps=9"], resume=True)


@pytest.mark.long
def test_two_runs_do_not_share_a_folder(tmp_path: Path, small_settings: list[str]) -> None:  # noqa: F811
    recipe = empty_recipe(tmp_path)
    settings = [*small_settings, "optimizer.steps=100000"]
    command = [sys.executable, "-m", "wavcube", "train", "stage1", "--recipe", str(recipe), "--output"]
    command += [str(tmp_path / "run"), *(word for setting in settings for word in ("--set", setting))]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while first.poll() is None and not (tmp_path / "run/config.yaml").exists():
            time.sleep(0.1)
        with pytest.raises(ConfigError, match=rf"process {first.pid} on .* is training in it; wait for it, stop it"):
            train_run("stage1", tmp_path / "run", resume=True)
    finally:
        first.kill()
        first.wait()
    assert (tmp_path / "run/lock").exists()
    assert train_run("stage1", tmp_path / "run", settings=["optimizer.steps=3"], resume=True)
    assert not (tmp_path / "run/lock").exists()


def test_a_misspelt_recipe_is_refused_before_anything_slow_is_imported() -> None:
    code = """
import sys
from wavcube.cli.app import app
from wavcube.errors import ConfigError
for words in (["stage1", "--recipe", "nanno"], ["stage2", "--recipe", "debug", "--set", "lossses.mel=1"],
              ["tts", "--recipe", "nanno"]):
    try:
        app(["train", *words, "--out", "runs/never"], standalone_mode=False)
    except ConfigError as error:
        assert "nanno" in str(error) or "lossses" in str(error), error
    else:
        raise AssertionError(words)
assert not {"torch", "numpy", "lightning"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_commands_take_a_run_for_its_model(finished: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.wav"
    import numpy as np

    save_audio(clip, 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32), 16_000)
    run = CliRunner()
    shown = run.invoke(app, ["info", str(finished)])
    assert shown.exit_code == 0, shown.output
    assert "latent mean and std  known" in shown.output
    for option in ("--out", "--output", "-o"):
        folder = tmp_path / option.strip("-")
        result = run.invoke(app, ["encode", str(clip), "--model", str(finished), option, str(folder)])
        assert result.exit_code == 0, result.output
        assert list(folder.iterdir())
