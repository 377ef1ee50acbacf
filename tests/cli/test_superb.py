import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.corpora.conftest import Encoder, encoder, model  # noqa: F401
from tests.understanding import corpora
from wavcube.cli.superb import TASKS as SHOWN
from wavcube.cli.superb import superb
from wavcube.corpora.input_shards import input_shards
from wavcube.corpora.job import write_index
from wavcube.errors import ConfigError, DataError
from wavcube.understanding import TASKS

SMALL = ["--set", "steps=20", "--set", "batch=6", "--set", "accumulate=1", "--set", "width=8", "--lr", "1e-2"]


def run(*arguments: object):
    return CliRunner().invoke(superb, [str(argument) for argument in arguments], catch_exceptions=False)


def test_help_names_all_tasks() -> None:
    assert list(SHOWN) == list(TASKS)
    for name in TASKS:
        assert f" {name} " in run("--help").output


def test_a_task_then_the_report(tmp_path: Path) -> None:
    data = corpora.voxceleb(tmp_path / "data", speakers=3)
    done = run("sid", "--data", data, "-m", "mfcc", "-m", "logmel", "-o", tmp_path / "out", "--device", "cpu", *SMALL)
    assert "Speaker identification, MFCC: Acc" in done.output
    assert "Speaker identification, log-mel: Acc" in done.output
    report = run("report", tmp_path / "out")
    assert "log-mel" in report.output
    assert (tmp_path / "out" / "superb.md").is_file()
    assert [row["task"] for row in json.loads(run("report", tmp_path / "out", "--json").stdout)] == ["sid", "sid"]


def test_several_tasks_at_once(tmp_path: Path) -> None:
    data = corpora.voxceleb(tmp_path / "data", speakers=4)
    done = run(
        "all", "--data", f"sid={data}", "--data", f"asv={data}", "-m", "mfcc", "-o", tmp_path / "out", "--set",
        "asv.width=12", "--device", "cpu", *SMALL,
    )  # fmt: skip
    assert "SID Acc" in (tmp_path / "out" / "superb.md").read_text()
    assert "ASV EER" in (tmp_path / "out" / "superb.md").read_text()
    assert done.exit_code == 0


def test_latents_instead_of_audio(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    data = corpora.voxceleb(tmp_path / "data", speakers=3)
    made = encoder()
    [shard] = input_shards([str(data / "dev")], size=100)
    made(shard)
    write_index(made.folder, made.settings, [0], False)
    shutil.rmtree(data / "dev")
    done = run("sid", "--data", data, "--latents", made.folder, "-o", tmp_path / "out", "--device", "cpu", *SMALL)
    assert "Speaker identification, out: Acc" in done.output
    assert "train: 15 recordings" in run("check", "sid", "--data", data, "--latents", made.folder).output
    with pytest.raises(DataError, match=r"no frames of WavCube; train on those of its model"):
        run("sid", "--data", data, "--latents", made.folder, "-m", "wavcube", "-o", tmp_path / "out", *SMALL)


def test_check(tmp_path: Path) -> None:
    data = corpora.fluent(tmp_path / "data")
    assert "fit for intent classification" in run("check", "ic", "--data", data).output
    with pytest.raises(DataError, match="Fluent Speech Commands"):
        run("check", "ic", "--data", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["all", "--data", "st=x"], "expected TASK=FOLDER"),
        (["sid", "--data", "x", "--set", "steps"], "expected NAME=VALUE"),
        (["sid", "--data", "x", "--set", "st.steps=1"], "no task 'st'"),
        (["check", "st", "--data", "x"], "no task 'st'"),
    ],
)
def test_mistakes_are_named(arguments: list[str], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        run(*arguments)
