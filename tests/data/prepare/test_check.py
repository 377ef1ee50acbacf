"""Checking recordings, and going on after an interruption."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.data.prepare.conftest import write_noise
from wavcube.data.prepare import check
from wavcube.data.prepare.check import Checked, Level, check_recordings
from wavcube.errors import DataError


class Reports(list):
    def __call__(self, what: str, done: int, total: int) -> None:
        self.append((done, total))


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    write_noise(tmp_path / "audio" / "0.flac", seconds=0.1)
    paths = [tmp_path / "audio" / f"{number}.flac" for number in range(200)]
    for path in paths[1:]:
        shutil.copy(paths[0], path)
    return paths


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that have been opened, in some order."""
    paths: list[str] = []
    original = check.audio_info

    def note(path: str) -> object:
        paths.append(path)
        return original(path)

    monkeypatch.setattr(check, "audio_info", note)
    return paths


def run(recordings: list[Path], tmp_path: Path, level: Level = Level.header, jobs: int = 2) -> list[Checked]:
    return check_recordings(recordings, level, tmp_path / "notes", jobs, Reports())


def test_durations_in_order_and_progress(recordings, tmp_path):
    write_noise(recordings[7], seconds=0.3)
    reports = Reports()
    results = check_recordings(recordings, Level.header, tmp_path / "notes", 3, reports)
    assert [result.seconds for result in results] == [0.1] * 7 + [0.3] + [0.1] * 192
    assert reports == [(0, 200), (64, 200), (128, 200), (192, 200), (200, 200)]


def test_what_cannot_be_used(recordings, tmp_path):
    recordings[0].unlink()
    recordings[1].write_text("no audio")
    write_noise(recordings[2], seconds=0.02)
    reasons = [result.reason for result in run(recordings[:4], tmp_path)]
    assert "no such file" in reasons[0]
    assert "is not a recording" in reasons[1]
    assert "too short, 0.0200 s" in reasons[2]
    assert reasons[3] == ""


def test_decoding_finds_what_the_header_hides(recordings, tmp_path):
    data = recordings[3].read_bytes()
    recordings[3].write_bytes(data[: len(data) // 2])
    assert run(recordings[:5], tmp_path)[3].reason == ""
    assert "damaged or cut short" in run(recordings[:5], tmp_path, Level.decode)[3].reason


def test_an_interrupted_run_goes_on(recordings, tmp_path, opened, monkeypatch):
    class Interrupting(Reports):
        def __call__(self, what: str, done: int, total: int) -> None:
            if done >= 64:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_recordings(recordings, Level.header, tmp_path / "notes", 1, Interrupting())
    opened.clear()
    results = run(recordings, tmp_path)
    assert len(results) == 200
    assert sorted(opened) == sorted(map(str, recordings[64:]))


def test_a_note_that_was_cut_by_a_kill_costs_only_itself(recordings, tmp_path, opened):
    run(recordings, tmp_path)
    notes = tmp_path / "notes"
    lines = notes.read_text().splitlines(keepends=True)
    notes.write_text("".join(lines[:51]) + lines[51][:20])
    opened.clear()
    run(recordings, tmp_path)
    assert len(opened) == 150
    opened.clear()
    run(recordings, tmp_path)
    assert opened == []
    assert all(json.loads(line) for line in notes.read_text().splitlines())


def test_changed_recordings_and_another_level_are_checked_again(recordings, tmp_path, opened):
    run(recordings, tmp_path)
    os.utime(recordings[5], ns=(0, 0))
    opened.clear()
    run(recordings, tmp_path)
    assert opened == [str(recordings[5])]
    opened.clear()
    run(recordings[:10], tmp_path, Level.decode)
    assert len(opened) == 10


def test_notes_that_cannot_be_written(recordings, tmp_path):
    with pytest.raises(DataError, match="notes: cannot be written"):
        check_recordings(recordings, Level.header, tmp_path / "none" / "notes", 1, Reports())
