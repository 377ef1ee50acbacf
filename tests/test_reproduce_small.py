"""The miniature's parts: what is trained is also measured."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.locations import REPOSITORY

SCRIPT = REPOSITORY / "scripts" / "reproduce_small.py"


@pytest.fixture(scope="module")
def parts() -> dict[str, list[str]]:
    build: Callable[..., dict[str, list[str]]] = runpy.run_path(str(SCRIPT))["parts"]
    return build(Path("data/speech.tsv"), "teacher", Path("out"), "miniature", ["a.b=1"], ["--speaker", "x"], 2)


def test_every_model_is_reconstructed_and_probed(parts: dict[str, list[str]]) -> None:
    for name in ("features", "stage1", "stage2-free", "stage2"):
        assert parts[name][parts[name].index("--out") + 1] == f"out/{name}"
        assert f"{name}=out/{name}/model" in parts["reconstruction"]
        assert f"wavcube:out/{name}/model" in parts["probes"]
    assert {"logmel", "features:out/stage1/model", "features:out/stage2/model"} <= set(parts["probes"])
    assert parts["probes"][parts["probes"].index("--seeds") + 1] == "2"


def test_only_anchoring_differs_between_the_second_stages(parts: dict[str, list[str]]) -> None:
    free, anchored = parts["stage2-free"], parts["stage2"]
    assert set(free) - set(anchored) == {"out/stage2-free", "losses.restored=0", "losses.student=0"}
    assert set(anchored) - set(free) == {"out/stage2"}


def test_settings_reach_all_trainings_and_nothing_else(parts: dict[str, list[str]]) -> None:
    assert {name for name, command in parts.items() if "a.b=1" in command} == {
        "encoder", "features", "stage1", "stage2-free", "stage2",
    }  # fmt: skip
