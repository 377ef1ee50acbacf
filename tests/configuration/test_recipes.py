"""What recipes of every kind have in common: files that build on each other, merging, and what it says of mistakes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from wavcube.configuration.recipes import (
    as_dataclass,
    changes,
    config_yaml,
    find_recipe,
    load_yaml,
    merge,
    merge_settings,
    recipe_chain,
)
from wavcube.errors import ConfigError


@dataclass
class Source:
    path: str = ""


@dataclass
class Data:
    sources: list[Source] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Config:
    steps: int = 10
    name: str = "one"
    data: Data = field(default_factory=Data)


def resolved(*settings: str) -> Config:
    return as_dataclass(merge_settings(OmegaConf.structured(Config), settings), Config)


def test_later_settings_win_and_lists_are_replaced() -> None:
    config = resolved("steps=1", "data.sources=[{path: a}, {path: b}]", "data.sources=[{path: c}]", "steps=2")
    assert (config.steps, config.name, config.data.sources) == (2, "one", [Source("c")])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("stepps=1", "unknown key stepps"),
        ("data.sources=[{paht: a}]", "unknown key .*paht"),
        ("data.sources.0.path=x", r"data.sources is a list; give it whole, as in data.sources=\[...\]$"),
        ("data.sources=7", "data.sources is a list"),
        ("data=[1]", "data is a group of settings; give them by name, as in data.NAME=VALUE$"),
        ("data=1", "data is a group of settings"),
        ("steps=1.5", "steps: Value '1.5' .* Integer"),
        ("steps=many", "steps: Value 'many' .* Integer"),
        ("steps", "write it as key=value$"),
        ("steps={", "."),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_it(setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        resolved(setting)
    assert str(caught.value).startswith(f"--set {setting}: ")
    assert "\n" not in str(caught.value)
    assert ": :" not in str(caught.value)


def test_a_chain_begins_with_the_furthest_base(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "far.yaml").write_text("steps: 1\n")
    (tmp_path / "near.yaml").write_text("base: far.yaml\nname: two\n")
    (tmp_path / "inner" / "recipe.yaml").write_text("base: ../near.yaml\n")
    assert [path.name for path in recipe_chain(tmp_path / "inner" / "recipe.yaml")] == [
        "far.yaml",
        "near.yaml",
        "recipe.yaml",
    ]
    assert recipe_chain(None) == []


@pytest.mark.parametrize("text", ["- a\n", "a: [", "base: nowhere.yaml\n", "base: recipe.yaml\n"])
def test_an_unreadable_recipe_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"recipe\.yaml: "):
        recipe_chain(tmp_path / "recipe.yaml")


def test_a_recipe_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="absent: no such recipe"):
        find_recipe("absent")


def test_a_wrong_value_in_a_file_names_the_file() -> None:
    with pytest.raises(ConfigError, match=r"mine\.yaml: unknown key stepps"):
        merge(OmegaConf.structured(Config), OmegaConf.create({"stepps": 1}), "mine.yaml")


def test_a_configuration_survives_its_file(tmp_path: Path) -> None:
    config = resolved("name=two", "data.sources=[{path: a}]", "data.extra={kind: vae}")
    (tmp_path / "config.yaml").write_text(config_yaml(config))
    again = as_dataclass(
        merge(OmegaConf.structured(Config), load_yaml(tmp_path / "config.yaml"), "config.yaml"), Config
    )
    assert again == config
    assert changes(config, again) == {}
    again.steps, again.data.extra = 3, {"kind": "ae"}
    assert changes(config, again) == {"data.extra.kind": ("vae", "ae"), "steps": (config.steps, 3)}
