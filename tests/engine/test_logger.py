"""Logs: on disk by step, taken back beyond the step that is resumed from, drawn as curves."""

import json

import pytest
import torch

from wavcube.engine.logger import CURVES, METRICS, RunLogger


def _steps(folder):
    return [json.loads(line)["step"] for line in (folder / METRICS).read_text().splitlines()]


@pytest.mark.usefixtures("with_curves")
def test_scalars_become_lines_and_curves(tmp_path):
    with RunLogger(tmp_path, 0, 10, active=True) as run_logger:
        for step in (1, 2, 3):
            run_logger.scalars(step, {"train/mel": 1 / step, "optimizer/rate": 0.1}, "mel")
        run_logger.scalars(3, {"validation/mel": 0.5})
        run_logger.advance(3)
    assert _steps(tmp_path) == [1, 2, 3, 3]
    assert (tmp_path / CURVES).read_bytes().startswith(b"\x89PNG")


def test_a_resumed_run_takes_back_what_came_after_its_checkpoint(tmp_path):
    with RunLogger(tmp_path, 0, 10, active=True) as run_logger:
        for step in (1, 2, 3):
            run_logger.scalars(step, {"train/mel": 1.0})
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"step": 4, "train/m')  # killed while it wrote
    with RunLogger(tmp_path, 2, 10, active=True) as run_logger:
        run_logger.scalars(3, {"train/mel": 2.0})
    assert _steps(tmp_path) == [1, 2, 3]


def test_clips_are_logged_as_audio_and_pictures(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with RunLogger(tmp_path, 0, 10, active=True) as run_logger:
        run_logger.clips(5, [("a/clip.wav", 0.1 * torch.randn(8000), 0.1 * torch.randn(8000))])
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["audio"]) == {"clip 0/recording", "clip 0/decoded"}
    assert events.Tags()["images"] == ["clip 0"]


def test_other_processes_write_nothing(tmp_path):
    with RunLogger(tmp_path, 0, 10, active=False) as run_logger:
        run_logger.scalars(1, {"train/mel": 1.0}, "news")
        run_logger.clips(1, [])
        run_logger.advance(1)
        run_logger.message("nothing")
    assert list(tmp_path.iterdir()) == []
