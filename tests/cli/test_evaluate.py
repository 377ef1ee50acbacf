"""`wavcube evaluate`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.locations import SPEECH
from wavcube.cli.evaluate import evaluate
from wavcube.errors import ConfigError, DataError


def _run(*arguments: object) -> str:
    result = CliRunner().invoke(evaluate, [str(argument) for argument in arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_reconstruction_prints_the_table_and_writes_the_report(tmp_path: Path) -> None:
    arguments = ("reconstruction", "--model", "opus-12", "--model", "rough=opus-6", "--data", SPEECH / "speech.tsv",
                 "--filter", "language=en", "--limit", 3, "--metrics", "stoi,si_sdr,speaker", "--out", tmp_path / "out",
                 "--by", "source", "--processes", 1, "--device", "cpu")  # fmt: skip
    output = _run(*arguments)
    assert "skipped speaker: needs a speaker encoder; give --speaker" in output
    assert "rough" in output
    assert "SI-SDR (dB) ↑" in output
    assert (tmp_path / "out" / "report.html").is_file()
    measured = (tmp_path / "out" / "measurements.jsonl").read_bytes()
    assert measured.count(b"\n") == 3 * 2 * 2
    assert "STOI" in _run(*arguments)
    result = CliRunner().invoke(evaluate, [str(argument) for argument in (*arguments, "--json")])
    assert json.loads(result.stdout) == json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert "skipped speaker" in result.stderr
    assert (tmp_path / "out" / "measurements.jsonl").read_bytes() == measured


def test_errors_are_ours(tmp_path: Path) -> None:
    common = ("reconstruction", "--model", "identity", "--data", SPEECH, "--out", tmp_path)
    with pytest.raises(ConfigError, match="no metric 'stoy'"):
        _run(*common, "--metrics", "stoy")
    with pytest.raises(ConfigError, match="none of the chosen metrics can run here"):
        _run(*common, "--metrics", "utmos,speaker")
    with pytest.raises(DataError, match="no such folder or manifest"):
        _run("reconstruction", "--model", "identity", "--data", tmp_path / "none", "--out", tmp_path)


def test_lists() -> None:
    metrics = _run("metrics")
    assert "pesq_wb" in metrics
    assert "ITU-T P.862.2" in metrics
    assert "ecapa:CHECKPOINT" in metrics
    assert "transformers:ID" in _run("models")
