"""The commands."""

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from wavcube.cli.prepare import app
from wavcube.errors import DataError

runner = CliRunner()


def test_librispeech(librispeech, tmp_path):
    result = runner.invoke(app, ["librispeech", str(librispeech), str(tmp_path / "speech.tsv"), "--check", "decode"])
    assert result.exit_code == 0
    assert "dev-clean" in result.stdout
    assert "0.00" in result.stdout
    assert f"- path: {tmp_path}/speech.tsv\n      where: {{subset: dev-clean|test-clean}}" in result.stdout
    assert "note: dev-clean: 5 of 2,703 recordings" in result.stderr


def test_libritts_and_folder(libritts, tmp_path):
    for command in ("libritts", "folder"):
        result = runner.invoke(app, [command, str(libritts), str(tmp_path / f"{command}.tsv")])
        assert result.exit_code == 0
        assert (tmp_path / f"{command}.tsv").read_text().count("\n") == 4


def test_libriheavy(libriheavy, tmp_path):
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    for path in libriheavy.glob("*.gz"):
        path.rename(manifests / path.name)
    arguments = ["libriheavy", str(manifests), str(tmp_path / "out"), "--audio-root", str(libriheavy)]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0
    assert f"- path: {tmp_path}/out/libriheavy_cuts_small.jsonl\n      root: {libriheavy}" in result.stdout
    assert "bad.tsv" in result.stderr


def test_nothing_found(tmp_path):
    result = runner.invoke(app, ["libritts", str(tmp_path), str(tmp_path / "out.tsv")])
    assert result.exit_code == 1
    assert isinstance(result.exception, DataError)


@pytest.mark.parametrize("command", ["librispeech", "libritts", "folder"])
def test_tables_need_no_torch(command):
    code = "import sys; from wavcube.data.prepare import tables, folder, librispeech, libritts; "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
