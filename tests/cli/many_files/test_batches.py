import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from wavcube.cli.many_files.batches import BatchLimits, Loaded, Task, by_length, run
from wavcube.cli.many_files.job import Job
from wavcube.cli.many_files.plan import Plan
from wavcube.errors import WavCubeError


def jobs(folder: Path, count: int) -> list[Job]:
    return [Job(Path(f"{index}.wav"), folder / f"{index}.out", Path(f"{index}.wav")) for index in range(count)]


@given(
    seconds=st.lists(st.floats(0.1, 100), max_size=60),
    limit=st.floats(0.1, 200),
    padding=st.floats(0, 1),
    whole=st.floats(10, 200),
)
def test_batches_keep_their_limits(seconds: list[float], limit: float, padding: float, whole: float) -> None:
    items = [Loaded(job, None, length) for job, length in zip(jobs(Path(), len(seconds)), seconds, strict=True)]
    batches = list(by_length(items, BatchLimits(limit, padding, whole)))
    assert sorted(item.job.source for batch in batches for item in batch) == sorted(item.job.source for item in items)
    for batch in batches:
        longest = max(item.seconds for item in batch)
        padded = longest * len(batch)
        assert len(batch) == 1 or (padded <= limit and longest <= whole)
        assert 1 - sum(item.seconds for item in batch) / padded <= padding + 1e-9
    if len(set(seconds)) == 1 and seconds and seconds[0] <= whole:
        assert len(batches) <= -(-len(seconds) // max(1, int(limit / seconds[0] * (1 - 1e-9))))


def number_task(bad: set[int], when: str) -> Task[int, int]:
    """Doubles the number in a file's name; files in `bad` fail while they are read, computed or written."""

    def number(job: Job, stage: str) -> int:
        value = int(job.source.stem)
        if value in bad and stage == when:
            raise WavCubeError(f"{job.source.name}: bad")
        return value

    def compute(values: list[int]) -> list[int]:
        if when == "compute" and bad & set(values):
            raise WavCubeError("bad")
        return [2 * value for value in values]

    def write(job: Job, result: int) -> None:
        number(job, "write")
        job.target.write_text(str(result))

    return Task("doubled", lambda job: (number(job, "read"), 1.0), compute, write)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("when", ["read", "compute", "write"])
def test_the_rest_go_on_past_bad_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], when: str, workers: int
) -> None:
    plan = Plan(jobs(tmp_path / "new" / "folder", 40), existing=3, conflicts=[WavCubeError("two of one")])
    with pytest.raises(typer.Exit) as end:
        run(plan, number_task({3, 17}, when), BatchLimits(4, 0.25), strict=False, workers=workers)
    assert end.value.exit_code == 1
    written = {int(path.stem): int(path.read_text()) for path in (tmp_path / "new" / "folder").iterdir()}
    assert written == {value: 2 * value for value in range(40) if value not in {3, 17}}
    out, err = capsys.readouterr()
    assert sorted(err.splitlines()) == ["skipped: 17.wav: bad", "skipped: 3.wav: bad", "skipped: two of one"]
    assert out.startswith("doubled 38 files, 38.0 s of speech at ")
    assert out.endswith("; 3 existed already (--overwrite makes them anew); 3 failed\n")


@pytest.mark.parametrize("when", ["read", "compute", "write"])
def test_strict_stops_at_the_first_bad_file(tmp_path: Path, when: str) -> None:
    with pytest.raises(WavCubeError, match=r"3\.wav: bad"):
        run(Plan(jobs(tmp_path, 1000)), number_task({3}, when), BatchLimits(1, 0.25), strict=True)
    assert len(list(tmp_path.iterdir())) < 1000
    with pytest.raises(WavCubeError, match="two of one"):
        run(Plan(conflicts=[WavCubeError("two of one")]), number_task(set(), when), BatchLimits(1, 0.25), strict=True)


def test_success_is_no_exit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(Plan(jobs(tmp_path, 1)), number_task(set(), ""), BatchLimits(4, 0.25), strict=False)
    assert capsys.readouterr().out.startswith("doubled 1 file, 1.0 s of speech at ")
    run(Plan(existing=2), number_task(set(), ""), BatchLimits(4, 0.25), strict=False)
    assert capsys.readouterr().out == "doubled 0 files; 2 existed already (--overwrite makes them anew)\n"


def test_reading_runs_ahead_but_not_away(tmp_path: Path) -> None:
    """While the first window is computed the second is read, the third not yet."""
    read: list[int] = []
    second_window = threading.Event()

    def load(job: Job) -> tuple[int, float]:
        read.append(int(job.source.stem))
        if len(read) == 16:
            second_window.set()
        return read[-1], 1.0

    def compute(values: list[int]) -> list[int]:
        assert second_window.wait(10)
        return values

    seen: list[int] = []

    def write(job: Job, result: int) -> None:
        seen.append(len(read))

    run(Plan(jobs(tmp_path, 100)), Task("read", load, compute, write), BatchLimits(1, 0.25), strict=False)
    assert seen[0] == 16
    assert len(seen) == 100


def test_batches_side_by_side_but_long_recordings_alone(tmp_path: Path) -> None:
    """Two batches of short recordings meet in `compute`; of what is long, no two are ever there."""
    meeting = threading.Barrier(2, timeout=10)
    inside: list[float] = []

    def compute(seconds: list[float]) -> list[float]:
        inside.extend(seconds)
        if seconds[0] > 50:
            assert threading.current_thread() is threading.main_thread()
            assert [value for value in inside if value > 50] == seconds
            inside.clear()
        else:
            meeting.wait()
        return seconds

    def load(job: Job) -> tuple[float, float]:
        seconds = 60.0 if job.source.stem in {"0", "1"} else 1.0
        return seconds, seconds

    task = Task("read", load, compute, lambda job, result: job.target.touch())
    run(Plan(jobs(tmp_path, 10)), task, BatchLimits(1, 0.25, whole=50), strict=True, workers=2)
    assert len(list(tmp_path.iterdir())) == 10


def test_names_with_brackets_are_reported_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = number_task(set(), "")
    with pytest.raises(typer.Exit):
        run(Plan(conflicts=[WavCubeError("[red]a[/red]" + 100 * " b")]), task, BatchLimits(1, 0), strict=False)
    assert capsys.readouterr().err == "skipped: [red]a[/red]" + 100 * " b" + "\n"


def test_too_large_a_batch_says_what_to_do(tmp_path: Path) -> None:
    import torch

    def compute(values: list[int]) -> list[int]:
        raise torch.OutOfMemoryError

    task = Task("read", lambda job: (1, 1.0), compute, lambda job, result: None)
    with pytest.raises(WavCubeError, match="lower --batch-seconds"):
        run(Plan(jobs(tmp_path, 2)), task, BatchLimits(4, 0.25), strict=False)


def test_a_long_recording_tells_of_its_pieces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wavcube.progress.SECONDS", 0.05)

    def compute(values: list[int]) -> list[int]:
        assert values == [1, 2, 3]  # those of one second
        return values

    def in_pieces(value: int, progress: Callable[[float], None]) -> int:
        for piece in range(1, 5):
            time.sleep(0.1)
            progress(piece / 5)
        return value

    def load(job: Job) -> tuple[int, float]:
        return int(job.source.stem), 1.0 if job.source.stem != "0" else 60.0

    task = Task("read", load, compute, lambda job, result: job.target.touch(), in_pieces)
    run(Plan(jobs(tmp_path, 4)), task, BatchLimits(5, 0.25, whole=50), strict=True)
    assert len(list(tmp_path.iterdir())) == 4
    lines = capsys.readouterr().err.splitlines()
    assert any(re.fullmatch(r"0\.wav: seconds 36 of 60; \S+ x real time(; \d+ s left)?", line) for line in lines), lines
    assert not any(line.startswith(("1.wav", "2.wav", "3.wav")) for line in lines)
