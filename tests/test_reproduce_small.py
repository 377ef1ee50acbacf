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
    widths = {"log-mel": 160, "features": 512}
    probes = ["--data", "probes.tsv", "--seeds", "3"]
    return build(
        Path("data/speech.tsv"), "whisper", widths, Path("out"), "miniature", ["a.b=1"], ["--speaker", "x"], 2, probes
    )


def test_every_model_is_reconstructed_and_probed(parts: dict[str, list[str]]) -> None:
    for model in ("log-mel", "features", "stage1", "stage2-free", "stage2"):
        for name in (model, f"{model}-seed1"):
            assert parts[name][parts[name].index("--out") + 1] == f"out/{name}"
            assert f"{name}=out/{name}/model" in parts["reconstruction"]
            assert f"wavcube:out/{name}/model" in parts["probes"]
    assert {"features:out/features/model", "features:out/stage2/model"} <= set(parts["probes"])
    assert parts["probes"][1:5] == ["--data", "probes.tsv", "--seeds", "3"]


def test_seeds_differ_in_the_seed_alone(parts: dict[str, list[str]]) -> None:
    for name in ("log-mel", "features", "stage1"):
        assert set(parts[f"{name}-seed1"]) - set(parts[name]) == {f"out/{name}-seed1", "run.seed=1"}
    assert "out/stage1-seed1" in parts["stage2-seed1"]
    assert "model.bottleneck.latent_dim=164" in parts["log-mel"]
    assert "model.bottleneck.latent_dim=516" in parts["features"]


def test_only_anchoring_differs_between_the_second_stages(parts: dict[str, list[str]]) -> None:
    free, anchored = parts["stage2-free"], parts["stage2"]
    assert set(free) - set(anchored) == {"out/stage2-free", "losses.restored=0", "losses.student=0"}
    assert set(anchored) - set(free) == {"out/stage2"}


def test_settings_reach_all_trainings_and_nothing_else(parts: dict[str, list[str]]) -> None:
    trained = {name for name, command in parts.items() if "a.b=1" in command}
    assert set(parts) - trained == {"reconstruction", "probes"}
