"""Logs: on disk by step, taken back beyond the step that is resumed from, drawn as curves."""

import json

import pytest
import torch

from wavcube.engine.logger import CURVES, METRICS, Journal


def _steps(folder):
    return [json.loads(line)["step"] for line in (folder / METRICS).read_text().splitlines()]


@pytest.mark.usefixtures("with_curves")
def test_scalars_become_lines_and_curves(tmp_path):
    with Journal(tmp_path, 0, 10, active=True) as journal:
        for step in (1, 2, 3):
            journal.scalars(step, {"train/mel": 1 / step, "optimizer/rate": 0.1}, "mel")
        journal.scalars(3, {"validation/mel": 0.5})
        journal.advance(3)
    assert _steps(tmp_path) == [1, 2, 3, 3]
    assert (tmp_path / CURVES).read_bytes().startswith(b"\x89PNG")


def test_a_resumed_run_takes_back_what_came_after_its_checkpoint(tmp_path):
    with Journal(tmp_path, 0, 10, active=True) as journal:
        for step in (1, 2, 3):
            journal.scalars(step, {"train/mel": 1.0})
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"step": 4, "train/m')  # killed while it wrote
    with Journal(tmp_path, 2, 10, active=True) as journal:
        journal.scalars(3, {"train/mel": 2.0})
    assert _steps(tmp_path) == [1, 2, 3]


def test_clips_can_be_heard_and_seen(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with Journal(tmp_path, 0, 10, active=True) as journal:
        journal.clips(5, [("a/clip.wav", 0.1 * torch.randn(8000), 0.1 * torch.randn(8000))])
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["audio"]) == {"clip 0/recording", "clip 0/decoded"}
    assert events.Tags()["images"] == ["clip 0"]


def test_other_processes_write_nothing(tmp_path):
    with Journal(tmp_path, 0, 10, active=False) as journal:
        journal.scalars(1, {"train/mel": 1.0}, "news")
        journal.clips(1, [])
        journal.advance(1)
        journal.say("nothing")
    assert list(tmp_path.iterdir()) == []
