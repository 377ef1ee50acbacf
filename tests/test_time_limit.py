"""The time that `make test` keeps to: tests/conftest.py on two tests of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.locations import REPOSITORY

TESTS = """
import pytest

@pytest.mark.long
def test_of_minutes():
    pass

def test_of_a_moment():
    pass
"""


@pytest.fixture
def run(tmp_path: Path):
    """Runs the two tests with so many minutes; gives what was printed."""
    shutil.copy(REPOSITORY / "tests/conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = long: takes minutes\n")
    (tmp_path / "test_two.py").write_text(TESTS)

    def run(minutes: str) -> str:
        command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider"]
        environment = {**os.environ, "WAVCUBE_TEST_MINUTES": minutes}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    return run


def test_long_tests_come_last_and_without_a_limit_all_are_run(run) -> None:
    printed = run("")
    assert printed.index("test_of_a_moment PASSED") < printed.index("test_of_minutes PASSED")
    assert "not run" not in printed


def test_no_test_is_begun_after_the_limit_and_the_count_is_said(run) -> None:
    printed = run("0")
    assert "PASSED" not in printed
    assert "2 tests were not run, as the 0 minutes of WAVCUBE_TEST_MINUTES were over" in printed
