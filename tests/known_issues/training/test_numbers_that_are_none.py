"""Learning rates without a finite value, and files in the place of folders, were found late and said badly."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.training.conftest import recordings, small_settings  # noqa: F401
from tests.training.runs import empty_recipe
from wavcube.errors import ConfigError
from wavcube.generation.tts.training.recipe import read_recipe as read_tts_recipe
from wavcube.training.recipe import read_recipe


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("optimizer.lr=.inf", "it must be above 0, and finite"),
        ("optimizer.lr=nan", "lr is nan"),
        ("optimizer.clip=nan", "clip is nan; give a number"),
        ("optimizer.weight_decay=inf", "must be finite"),
        ("optimizer.betas=[0.9,nan]", r"betas\.1 is nan"),
        ("losses.mel=nan", r"losses\.mel is nan"),
        ("discriminator.lr=nan", r"discriminator\.lr is nan"),
        ("data.min_seconds=nan", r"data\.min_seconds is nan"),
    ],
)
def test_settings(tmp_path: Path, small_settings: list[str], setting: str, message: str) -> None:  # noqa: F811
    with pytest.raises(ConfigError, match=message):
        read_recipe("stage1", empty_recipe(tmp_path), [*small_settings, setting])


def test_settings_of_text_to_speech() -> None:
    with pytest.raises(ConfigError, match=r"flow\.drop_all is nan"):
        read_tts_recipe("tts-finetune", ["flow.drop_all=nan"])


def test_rates_of_heads(wavcube: Command, tmp_path: Path) -> None:
    outcome = wavcube("superb", "asr", "--data", tmp_path, "--lr", "nan", "-o", tmp_path / "out")
    assert (outcome.code, outcome.err) == (1, "error: --lr nan: a learning rate is above 0, and finite\n")


@pytest.mark.parametrize(
    "words",
    [
        ["train", "stage1", "--recipe", "debug"],
        ["train", "tts", "--recipe", "tts-debug"],
        ["probe", "--data", "list.tsv"],
        ["export", "onnx"],
        ["convert", "official.ckpt"],
    ],
)
def test_a_file_where_a_folder_belongs(wavcube: Command, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "file").write_text("mine")
    outcome = wavcube(*words, "-o", tmp_path / "file")
    assert outcome.code == 2
    assert "is a file" in " ".join(outcome.err.replace("│", " ").split())
    assert (tmp_path / "file").read_text() == "mine"
