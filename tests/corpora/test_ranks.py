"""The share of a process, and one process for each GPU."""

import sys
from pathlib import Path

import pytest
import typer

from wavcube.cli.codec import make_shards
from wavcube.corpora.ranks import Share, local_rank
from wavcube.errors import ConfigError, WavCubeError


def test_shares_cover_all_shards_once() -> None:
    shares = [Share.parse(f"{rank}/3") for rank in range(3)]
    assert [[number for number in range(8) if share.has(number)] for share in shares] == [[0, 3, 6], [1, 4, 7], [2, 5]]
    for text in ("3/3", "1", "a/b", "-1/2", "1/", "0/0"):
        with pytest.raises(ConfigError, match="RANK/WORLD"):
            Share.parse(text)


def test_the_environment_of_launchers() -> None:
    assert Share.of_environment({}) == (0, 1, "")
    assert Share.of_environment({"RANK": "2", "WORLD_SIZE": "4"})[:2] == (2, 4)
    assert Share.of_environment({"SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "8"})[:2] == (5, 8)
    assert Share.of_environment({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"})[:2] == (0, 1)
    assert [local_rank(found) for found in ({}, {"LOCAL_RANK": "3"}, {"SLURM_LOCALID": "2"})] == [0, 3, 2]


@pytest.mark.parametrize(("fate", "error"), [("", None), ("raise SystemExit(1)", typer.Exit), ("kill", WavCubeError)])
def test_one_process_for_each_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fate: str, error: type[Exception] | None
) -> None:
    """Each gets its rank; one that fails or dies fails the command."""
    code = "import os; from pathlib import Path; rank = os.environ['RANK']; "
    code += f"Path({str(tmp_path)!r}, rank + '-' + os.environ['WORLD_SIZE'] + '-' + os.environ['LOCAL_RANK']).touch(); "
    code += "rank == '1' and " + {"kill": "os.kill(os.getpid(), 9)", "": "None"}.get(fate, "exit(1)")
    real = make_shards.subprocess.Popen
    monkeypatch.setattr(make_shards.subprocess, "Popen", lambda _, env: real([sys.executable, "-c", code], env=env))
    if error is None:
        make_shards._one_process_a_device(2)
    else:
        with pytest.raises(error):
            make_shards._one_process_a_device(2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0-2-0", "1-2-1"]
