"""One training in a folder at a time; what a dead process left is taken over."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from wavcube.engine import lock
from wavcube.engine.lock import LOCK, lock_run
from wavcube.errors import ConfigError

HOLD = """
import sys, pathlib
from wavcube.engine.lock import lock_run
with lock_run(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("posix", [True, False])
def test_a_second_process_is_refused_and_a_dead_one_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, posix: bool
) -> None:
    if not posix:  # as on a system, or a file system, without locks
        monkeypatch.setattr(lock, "fcntl", None)
    process = holder(tmp_path / "run")
    try:
        with (
            pytest.raises(ConfigError, match=rf"run: process {process.pid} on .* is training in it"),
            lock_run(tmp_path / "run"),
        ):
            pass
        assert (tmp_path / "run" / LOCK).exists()
    finally:
        process.kill()
        process.communicate()
    with lock_run(tmp_path / "run"):
        assert json.loads((tmp_path / "run" / LOCK).read_text())["pid"] == os.getpid()
    assert not (tmp_path / "run").exists()  # nothing was written there


def test_a_damaged_lock_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("{")
    (tmp_path / "config.yaml").write_text("")
    with lock_run(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["host"] == socket.gethostname()
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
