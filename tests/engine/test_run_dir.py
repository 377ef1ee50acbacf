"""The run folder: what is refused before hours are lost, what may change, and what is noted."""

import json
from functools import partial
from pathlib import Path

import pytest

from tests.training.runs import empty_recipe
from wavcube.engine.run_dir import Run, begin_session, finished_step, note_finished, open_run
from wavcube.errors import ConfigError, WavCubeError
from wavcube.training.config import TrainConfig
from wavcube.training.recipe import load_config, read_recipe
from wavcube.training.run import train_run


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return empty_recipe(tmp_path)


def opened(folder: Path, recipe: Path | None, settings: list[str], resume: bool = True) -> Run[TrainConfig]:
    return open_run(
        folder,
        recipe,
        settings,
        resume,
        read=partial(read_recipe, "stage1"),
        load=load_config,
        fixed=lambda name: name.startswith("losses."),
    )


@pytest.fixture
def begun(tmp_path: Path, recipe: Path, small_settings: list[str]) -> Path:
    folder = tmp_path / "run"
    begin_session(opened(folder, recipe, [*small_settings, "loader.batch_size=7"]), {"processes": 3})
    return folder


def test_a_new_run_has_what_is_requested(tmp_path: Path, recipe: Path, small_settings: list[str]) -> None:
    for resume in (False, True):
        run = opened(tmp_path / "run", recipe, small_settings, resume)
        assert run.config == read_recipe("stage1", recipe, small_settings)
        assert run.changed == []


def test_a_session_is_noted(begun: Path) -> None:
    begin_session(opened(begun, None, []), {"processes": 1})
    first, second = map(json.loads, (begun / "sessions.jsonl").read_text().splitlines())
    assert (first["processes"], second["processes"]) == (3, 1)
    assert {"date", "command", "git", "python"} <= set(first)
    assert {"torch", "lightning", "transformers"} <= set(first["versions"])
    assert "loader.batch_size=7" in first["settings"]


def test_a_run_goes_on_as_it_was_begun(begun: Path, recipe: Path) -> None:
    for given in (None, recipe):
        run = opened(begun, given, [])
        assert run.config == load_config(begun / "config.yaml")
        assert run.config.loader.batch_size == 7
        assert run.changed == []


def test_only_what_changes_need_be_given(begun: Path, recipe: Path) -> None:
    for given in (None, recipe):
        run = opened(begun, given, ["optimizer.steps=9"])
        assert (run.config.optimizer.steps, run.config.loader.batch_size) == (9, 7)
        assert run.changed == ["optimizer.steps: 4 -> 9"]
    begin_session(opened(begun, None, ["optimizer.steps=9"]), {})
    assert opened(begun, recipe, ["loader.workers=1"]).config.optimizer.steps == 9


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("losses.mel=1.0", r"losses\.mel differs"),
        ("run.seed=7", r"run\.seed differs"),
        ("optimizer.ema=0.9", r"optimizer\.ema differs .* what may change are steps, rates"),
    ],
)
def test_what_must_stay_is_refused(begun: Path, setting: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        opened(begun, None, [setting])


def test_folders_that_cannot_be_used_are_refused(begun: Path, tmp_path: Path, recipe: Path) -> None:
    with pytest.raises(ConfigError, match="no run to resume"):
        opened(tmp_path / "nothing", None, [])
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/love.txt").write_text("x")
    with pytest.raises(ConfigError, match="holds no run"):
        opened(tmp_path / "letters", recipe, [])
    with pytest.raises(ConfigError, match="holds a run already"):
        opened(begun, recipe, [], resume=False)


def test_runs_need_a_recipe_and_their_own_task(begun: Path) -> None:
    with pytest.raises(ConfigError, match="--recipe"):
        train_run("stage1", begun)
    with pytest.raises(ConfigError, match="is a run of stage1, not of stage2"):
        train_run("stage2", begun, resume=True)


def test_the_step_of_the_outcome_is_kept(tmp_path: Path) -> None:
    assert finished_step(tmp_path) is None
    note_finished(tmp_path, 7)
    assert finished_step(tmp_path) == 7


def test_missing_data_is_an_error_before_anything_is_written(tmp_path: Path, small_settings: list[str]) -> None:
    for setting in ("data.sources=[{path: /nowhere/at/all}]", "validation_data.sources=[{path: /nowhere/at/all}]"):
        settings = [*small_settings, setting]
        assert read_recipe("stage1", None, settings).task == "stage1"
        with pytest.raises(WavCubeError, match="nowhere/at/all"):
            train_run("stage1", tmp_path / "run", recipe=empty_recipe(tmp_path), settings=settings)
        assert not (tmp_path / "run").exists()
