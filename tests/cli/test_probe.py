import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from wavcube.audio.io import save_audio
from wavcube.cli.probe import probe
from wavcube.errors import ConfigError


@pytest.fixture
def clips(tmp_path):
    """A list of 24 half-second recordings by two speakers, who hum at different pitches."""
    random = np.random.default_rng(0)
    lines = ["path\tsplit\tspeaker\ttranscript"]
    for i in range(24):
        speaker = i % 2
        hum = np.sin(2 * np.pi * (150 + 300 * speaker) * np.arange(8000) / 16_000)
        save_audio(tmp_path / f"{i}.wav", (0.3 * hum + 0.02 * random.normal(size=8000)).astype(np.float32), 16_000)
        lines.append(f"{i}.wav\ttest\ts{speaker}\tab")
    path = tmp_path / "clips.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def run(*arguments):
    app = typer.Typer()
    app.command()(probe)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_results_are_written_and_not_made_twice(clips, tmp_path):
    command = ["--data", clips, "--model", "logmel", "--task", "speakers", "--seeds", 1, "-o", tmp_path / "out"]
    first = run(*command)
    assert first.exit_code == 0, first.output
    record = json.loads((tmp_path / "out" / "logmel-speakers.json").read_text())
    assert record["estimate"]["value"] == 1.0
    assert record["recordings"] == {"train": 14, "dev": 6, "test": 4}
    assert "already there" in run(*command).output
    assert json.loads(run(*command, "--json").stdout) == [record]
    assert "already there" not in run(*command[:-4], "--seeds", 2, "-o", tmp_path / "out").output


def test_an_unknown_probe_is_named(clips):
    result = run("--data", clips, "--task", "phones")
    assert isinstance(result.exception, ConfigError)
    assert "phones" in str(result.exception)
