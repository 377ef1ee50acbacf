"""Two results of a benchmark are compared by ratios, and refused where they are not of one measurement."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.compare import NotComparableError, changes, notes
from tests.locations import REPOSITORY

MACHINE = {"processor": "AMD EPYC", "instruction_sets": "avx2, avx512f", "cores": 2, "threads": 2, "torch": "2.13.0"}


def result(ratio: float, wall: float = 1.0, **other: Any) -> dict[str, Any]:
    row = {"ratio": ratio, "real_time": 10 / wall, "timing": {"wall": wall, "wall_low": 0.5 * wall}, "error": 1e-6}
    rows = {"encode reference": {"ratio": 1.0, "timing": {"wall": 3.0}}, "encode bfloat16": row}
    return {
        "benchmark": "representation-full",
        "machine": MACHINE,
        "preset": "full",
        "2 threads": {"rows": rows},
        **other,
    }


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def compare(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.compare", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_ratios_within_runs_are_what_counts() -> None:
    (change,) = changes(result(4.0, wall=1.0), result(3.0, wall=9.0))
    assert change.name == "2 threads / rows / encode bfloat16 / ratio"
    assert change.better_by == pytest.approx(0.75)


def test_less_time_is_better_and_a_higher_rate_too() -> None:
    found = {
        change.name.split(" / ")[-1]: change.better_by for change in changes(result(4), result(4, 0.5), times=True)
    }
    assert found == {"ratio": 1.0, "real_time": 2.0, "wall": 2.0}


def test_times_are_compared_where_there_are_no_ratios() -> None:
    old = {"machine": MACHINE, "rows": [{"length_s": 10, "x_real_time": {"encode": 60.0}}]}
    new = {"machine": MACHINE, "rows": [{"length_s": 10, "x_real_time": {"encode": 30.0}}]}
    (change,) = changes(old, new)
    assert change.better_by == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"benchmark": "folder-full"}, "the second of folder-full"),
        ({"preset": "small"}, "preset was full in the first and small"),
        ({"machine": MACHINE | {"processor": "Intel Xeon"}}, "processor was AMD EPYC in the first and Intel Xeon"),
        ({"machine": MACHINE | {"threads": 1}}, "threads was 2"),
        ({"2 threads": {}}, "no measure in common"),
    ],
)
def test_other_measurements_are_refused(other: dict[str, Any], words: str) -> None:
    with pytest.raises(NotComparableError, match=words):
        changes(result(4.0), result(4.0, **other))


def test_other_machines_are_compared_by_ratios_alone_when_asked_for() -> None:
    other = result(2.0, machine=MACHINE | {"processor": "Intel Xeon"})
    (change,) = changes(result(4.0), other, times=True, across_machines=True)
    assert change.better_by == pytest.approx(0.5)


def test_versions_and_loads_are_said() -> None:
    old, new = result(4, machine=MACHINE | {"load": 0.5}), result(4, machine=MACHINE | {"load": 6.0, "torch": "2.14"})
    assert list(notes(old, new)) == ["torch: 2.13.0, then 2.14", "the machine's load was 0.5, then 6.0"]


def test_the_exit_code_is_that_of_a_regression(tmp_path: Path) -> None:
    old, new = write(tmp_path / "old.json", result(4.0)), write(tmp_path / "new.json", result(3.5))
    regression = compare(old, new)
    assert regression.returncode == 1
    assert "1 of 1 are worse by more than 10 %" in regression.stdout
    assert compare(old, new, "--worse-by", 0.2).returncode == 0
    damaged = tmp_path / "damaged.json"
    damaged.write_text("{")
    refused = compare(old, damaged)
    assert refused.returncode == 2
    assert "is no JSON" in refused.stderr


def test_every_result_in_the_repository_can_be_compared_with_itself_where_it_has_measures() -> None:
    for name in ("representation-full", "folder-packaged", "long_files-1-threads", "peers"):
        stored = json.loads((REPOSITORY / f"benchmarks/results/{name}.json").read_text(encoding="utf-8"))
        assert {change.better_by for change in changes(stored, stored)} == {1.0}
