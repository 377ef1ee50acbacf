"""The run folder: what is refused before hours are lost, and what is noted."""

import dataclasses
import json

import pytest

from wavcube.engine import run_dir
from wavcube.engine.run_dir import begin_session
from wavcube.errors import ConfigError
from wavcube.training.recipe import load_config, read_recipe
from wavcube.training.run import MAY_CHANGE, train_run


def settle_config(folder, requested, resume):
    return run_dir.settle_config(folder, requested, resume, load=load_config, may_change=MAY_CHANGE)


def changed(config, **settings):
    return dataclasses.replace(config, **settings)


def test_a_new_run_takes_what_is_requested(tmp_path, small_config):
    assert settle_config(tmp_path / "run", small_config, resume=False) is small_config
    assert settle_config(tmp_path / "run", small_config, resume=True) is small_config


def test_a_session_is_noted(tmp_path, small_config):
    begin_session(tmp_path / "run", small_config, {"processes": 3})
    begin_session(tmp_path / "run", small_config, {"processes": 1})
    assert load_config(tmp_path / "run/config.yaml") == small_config
    first, second = map(json.loads, (tmp_path / "run/sessions.jsonl").read_text().splitlines())
    assert (first["processes"], second["processes"]) == (3, 1)
    assert {"date", "command", "git", "python"} <= set(first)
    assert {"torch", "lightning", "transformers"} <= set(first["versions"])


def test_a_run_goes_on_as_it_was_begun(tmp_path, small_config):
    begin_session(tmp_path, small_config, {})
    assert settle_config(tmp_path, None, resume=True) == small_config
    assert settle_config(tmp_path, small_config, resume=True) == small_config
    moved = changed(small_config, init_from="elsewhere", hardware=changed(small_config.hardware, precision="bf16"))
    assert settle_config(tmp_path, moved, resume=True) is moved


@pytest.mark.parametrize(
    ("group", "values", "named"),
    [
        ("losses", {"mel": 1.0}, r"losses\.mel differs"),
        ("run", {"seed": 7}, r"run\.seed differs"),
        ("optimizer", {"lr": 1.0, "steps": 9}, r"optimizer\.lr, optimizer\.steps differ;"),
        ("loader", {"batch_size": 3}, r"loader\.batch_size"),
    ],
)
def test_another_configuration_is_refused(tmp_path, small_config, group, values, named):
    begin_session(tmp_path, small_config, {})
    other = changed(small_config, **{group: changed(getattr(small_config, group), **values)})
    with pytest.raises(ConfigError, match=named):
        settle_config(tmp_path, other, resume=True)


def test_folders_that_cannot_be_used_are_refused(tmp_path, small_config):
    with pytest.raises(ConfigError, match="no run to resume"):
        settle_config(tmp_path / "nothing", None, resume=True)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/love.txt").write_text("x")
    with pytest.raises(ConfigError, match="holds no run"):
        settle_config(tmp_path / "letters", small_config, resume=False)
    begin_session(tmp_path / "run", small_config, {})
    with pytest.raises(ConfigError, match="holds a run already"):
        settle_config(tmp_path / "run", small_config, resume=False)


def test_runs_need_a_recipe_and_their_own_task(tmp_path, small_config):
    with pytest.raises(ConfigError, match="--recipe"):
        train_run("stage1", tmp_path / "run")
    begin_session(tmp_path / "run", small_config, {})
    with pytest.raises(ConfigError, match="is a run of stage1, not of stage2"):
        train_run("stage2", tmp_path / "run", resume=True)


def test_missing_data_is_an_error_before_anything_is_written(tmp_path, small_settings):
    from tests.training.runs import empty_recipe
    from wavcube.errors import WavCubeError

    for setting in ("data.sources=[{path: /nowhere/at/all}]", "validation_data.sources=[{path: /nowhere/at/all}]"):
        settings = [*small_settings, setting]
        assert read_recipe("stage1", None, settings).task == "stage1"
        with pytest.raises(WavCubeError, match="nowhere/at/all"):
            train_run("stage1", tmp_path / "run", recipe=empty_recipe(tmp_path), settings=settings)
        assert not (tmp_path / "run/config.yaml").exists()
