"""The loader as a training run uses it: order, resume, ranks, workers, bad files."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torchdata.stateful_dataloader import StatefulDataLoader

from tests.data.tones import number_of
from wavcube.data.streaming import Batch, DataConfig, SourceConfig, SpeechLoader, build_loader
from wavcube.errors import ConfigError, DataError

CROP = 4800


def loader_of(path: Path | str, *, train: bool = True, **changes: object) -> SpeechLoader:
    options = {name: changes.pop(name) for name in ("kind", "where", "root") if name in changes}
    settings = {name: changes.pop(name) for name in list(changes) if name in DataConfig.__dataclass_fields__}
    config = DataConfig([SourceConfig(str(path), **options)], **settings)
    arguments = {"crop_samples": CROP, "batch_size": 4, "seed": 7, "workers": 0, **changes}
    return build_loader(config, train=train, **arguments)


def take(loader: SpeechLoader, count: int) -> list[Batch]:
    return [batch for _, batch in zip(range(count), loader, strict=False)]


def same(a: list[Batch], b: list[Batch]) -> bool:
    return len(a) == len(b) and all(
        x.names == y.names and torch.equal(x.waveform, y.waveform) and torch.equal(x.lengths, y.lengths)
        for x, y in zip(a, b, strict=True)
    )


def test_a_batch(write_tones):
    paths = write_tones(5)
    batch = take(loader_of(paths[0].parent), 1)[0]
    assert batch.waveform.shape == (4, CROP)
    assert batch.waveform.dtype == torch.float32
    assert batch.lengths.tolist() == [CROP] * 4
    assert [number_of(crop) for crop in batch.waveform.numpy()] == [paths.index(Path(name)) for name in batch.names]
    assert batch.to("cpu").names == batch.names


def test_an_epoch_has_every_clip_once_and_the_next_has_another_order(write_tones):
    folder = write_tones(10)[0].parent
    names = [name for batch in take(loader_of(folder), 5) for name in batch.names]
    first, second = names[:10], names[10:]
    assert len(set(first)) == len(set(second)) == 10
    assert first != second


def test_content_depends_on_seed_and_epoch(write_tones):
    folder = write_tones(4)[0].parent
    epochs = take(loader_of(folder), 2)
    crops = [dict(zip(batch.names, batch.waveform, strict=True)) for batch in epochs]
    assert not any(torch.equal(crops[0][name], crops[1][name]) for name in crops[0])
    assert same(epochs, take(loader_of(folder), 2))
    assert not same(epochs, take(loader_of(folder, seed=8), 2))


def test_workers_and_the_way_they_start_change_nothing(write_tones):
    folder = write_tones(7)[0].parent
    expected = take(loader_of(folder), 4)
    assert same(expected, take(loader_of(folder, workers=2), 4))
    spawned = loader_of(folder, workers=1)
    spawned.multiprocessing_context = "spawn"
    assert same(expected, take(spawned, 4))


@pytest.mark.parametrize(("before", "after"), [(0, 0), (2, 2), (2, 0), (0, 2)])
def test_resume_is_exact_with_any_number_of_workers(write_tones, before, after):
    folder = write_tones(7)[0].parent
    whole = take(loader_of(folder), 9)
    first = loader_of(folder, workers=before)
    begun = take(first, 4)
    second = loader_of(folder, workers=after)
    second.load_state_dict(first.state_dict())
    assert same(whole, begun + take(second, 5))


def test_resume_of_two_ranks(write_tones):
    folder = write_tones(9)[0].parent
    for rank in (0, 1):
        whole = take(loader_of(folder, rank=rank, world_size=2), 6)
        first = loader_of(folder, rank=rank, world_size=2)
        begun = take(first, 2)
        second = loader_of(folder, rank=rank, world_size=2)
        second.load_state_dict(first.state_dict())
        assert same(whole, begun + take(second, 4))


def test_a_position_holds_for_another_number_of_ranks(write_tones):
    folder = write_tones(24)[0].parent
    two = [loader_of(folder, rank=rank, world_size=2, batch_size=3) for rank in (0, 1)]
    had = {name for loader in two for batch in take(loader, 2) for name in batch.names}
    alone = loader_of(folder, batch_size=3)
    alone.load_state_dict(two[0].state_dict())
    rest = {name for batch in take(alone, 4) for name in batch.names}
    assert len(had) == len(rest) == 12
    assert not had & rest


def test_iterating_again_goes_on(write_tones):
    folder = write_tones(8)[0].parent
    loader = loader_of(folder)
    assert same(take(loader_of(folder), 4), take(loader, 2) + take(loader, 2))


def test_ranks_share_an_epoch(write_tones):
    folder = write_tones(12)[0].parent
    parts = [
        {name for batch in take(loader_of(folder, rank=rank, world_size=3, batch_size=2), 2) for name in batch.names}
        for rank in range(3)
    ]
    assert [len(part) for part in parts] == [4, 4, 4]
    assert len(set.union(*parts)) == 12


def test_a_position_in_other_data_is_refused(write_tones):
    first = loader_of(write_tones(4)[0].parent)
    second = loader_of(write_tones(5, folder="others")[0].parent)
    with pytest.raises(DataError, match="number of clips was 4, now it is 5"):
        second.load_state_dict(first.state_dict())


def test_validation_is_finite_and_deterministic(write_tones):
    paths = write_tones(5, seconds=0.2) + write_tones(1, seconds=1.0, folder="clips/long")
    loader = loader_of(paths[0].parent, train=False, batch_size=4)
    batches = list(loader)
    assert same(batches, list(loader))
    assert len(loader) == 2
    assert [len(batch) for batch in batches] == [4, 2]
    assert batches[1].lengths.tolist() == [3200, CROP]
    short = batches[0].waveform[0]
    assert not short[3200:].any()
    assert short.abs().max() == pytest.approx(10 ** (-3 / 20), rel=1e-5)


def test_validation_ranks_read_every_clip_once(write_tones):
    folder = write_tones(5)[0].parent
    loaders = [loader_of(folder, train=False, rank=rank, world_size=2, batch_size=2) for rank in (0, 1)]
    names = [[name for batch in loader for name in batch.names] for loader in loaders]
    assert [len(part) for part in names] == [3, 2]
    assert len({*names[0], *names[1]}) == 5


def test_weights_decide_how_often_a_source_is_drawn(write_tones):
    few, many = write_tones(3, folder="few")[0].parent, write_tones(30, folder="many")[0].parent
    config = DataConfig([SourceConfig(str(few), weight=3.0), SourceConfig(str(many), weight=1.0)])
    build = {"crop_samples": CROP, "batch_size": 8, "seed": 0, "train": True}
    names = [name for batch in take(build_loader(config, **build), 50) for name in batch.names]
    assert 0.7 < sum("few" in name for name in names) / len(names) < 0.8
    # Within a source every clip has come up as often as any other, give or take one epoch.
    counts = [sum(name.endswith(f"few/clip000{number}.flac") for name in names) for number in range(3)]
    assert max(counts) - min(counts) <= 1
    config.sources[1].weight = None
    with pytest.raises(ConfigError, match="some sources have a weight"):
        build_loader(config, **build)


# Bad files


def spoil(path: Path) -> None:
    path.write_bytes(b"fLaC" + bytes(50))


def test_a_bad_file_is_replaced_logged_once_and_counted(write_tones, caplog):
    paths = write_tones(8)
    spoil(paths[3])
    with caplog.at_level(logging.WARNING):
        loader = loader_of(paths[0].parent, workers=2)
        batches = take(loader, 6)
    assert all(len(batch) == 4 for batch in batches)
    assert not any(str(paths[3]) in batch.names for batch in batches)
    assert (loader.bad_files.seen, loader.bad_files.bad) == (27, 3)
    assert sum("clip0003.flac" in record.message for record in caplog.records) == 1
    # The replacement is the next clip of the folder, cut elsewhere than its own crop of the epoch.
    crops = [crop for b in batches for crop, name in zip(b.waveform, b.names, strict=True) if name == str(paths[4])]
    assert len(crops) == 6
    assert not any(torch.equal(crops[i], crops[i + 1]) for i in range(0, 6, 2))
    assert same(batches, take(loader_of(paths[0].parent), 6))


def test_too_many_bad_files_stop_the_run(write_tones):
    paths = write_tones(10)
    for path in paths[:3]:
        spoil(path)
    loader = loader_of(paths[0].parent, bad_share_after=20, max_bad_share=0.2, workers=1)
    with pytest.raises(DataError, match=r"of \d+ recordings could not be used, more than max_bad_share.*clip000\d"):
        take(loader, 20)
    assert loader.bad_files.seen >= 20
    take(loader_of(paths[0].parent, bad_share_after=20, max_bad_share=0.6), 20)


def test_bad_files_are_remembered_over_a_resume(write_tones, caplog):
    paths = write_tones(8)
    spoil(paths[3])
    first = loader_of(paths[0].parent)
    take(first, 4)
    second = loader_of(paths[0].parent)
    second.load_state_dict(first.state_dict())
    assert (second.bad_files.seen, second.bad_files.bad) == (first.bad_files.seen, first.bad_files.bad) != (0, 0)
    caplog.clear()
    take(second, 4)
    assert not caplog.records


def test_a_folder_that_disappears_while_training(write_tones):
    paths = write_tones(40)
    loader = loader_of(paths[0].parent)
    take(loader, 1)
    for path in paths:
        path.unlink()
    with pytest.raises(DataError, match=r"32 recordings in a row could not be used; the first: .*no such file"):
        take(loader, 1)


def test_validation_leaves_bad_files_out(write_tones):
    paths = write_tones(6)
    for path in paths[:2]:
        spoil(path)
    loader = loader_of(paths[0].parent, train=False, batch_size=2)
    names = [name for batch in loader for name in batch.names]
    assert names == [str(path) for path in paths[2:]]
    assert loader.bad_files.bad == 2


def test_clips_outside_the_limits_are_not_bad(write_tones):
    folder = write_tones(6)[0].parent
    soundfile.write(folder / "short.flac", np.ones(1600, np.float32) / 2, 16_000)
    loader = loader_of(folder, min_seconds=0.5)
    names = [name for batch in take(loader, 7) for name in batch.names]
    assert not any("short" in name for name in names)
    assert loader.bad_files.bad == 0


# Worker processes


INTERRUPTED_RUN = """
import signal, sys
from wavcube.data.streaming import DataConfig, SourceConfig, build_loader
interrupted = False
def note(*_):
    global interrupted
    interrupted = True
signal.signal(signal.SIGINT, note)
loader = build_loader(DataConfig([SourceConfig(sys.argv[1])]), crop_samples=4800, batch_size=4, workers=2, train=True)
after = 0
for number, batch in enumerate(loader):
    after += interrupted
    if number == 3:
        print("running", flush=True)
    if after == 30:  # more than the workers had prepared
        break
print("saved", loader.state_dict()["place"] == 4 * (number + 1))
"""


def test_ctrl_c_leaves_the_workers_to_the_parent(write_tones):
    folder = write_tones(4)[0].parent
    command = [sys.executable, "-W", "ignore", "-c", INTERRUPTED_RUN, str(folder)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # As in a terminal, Ctrl-C reaches the whole process group.
    with subprocess.Popen(command, start_new_session=True, **pipes) as process:
        assert process.stdout.readline() == "running\n"
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (output, errors, process.returncode) == ("saved True\n", "", 0)


KILLED = RuntimeError("DataLoader worker (pid 1) is killed by signal: Killed.")


@pytest.mark.parametrize("error", [KILLED, ConnectionResetError(), EOFError()])
def test_a_worker_that_is_killed(write_tones, monkeypatch, error):
    loader = loader_of(write_tones(4)[0].parent, workers=1)

    def die(self: StatefulDataLoader) -> None:
        raise error

    monkeypatch.setattr(StatefulDataLoader, "__iter__", die)
    with pytest.raises(DataError, match="a data worker process died"):
        take(loader, 1)


@pytest.mark.parametrize(
    ("error", "workers"),
    [
        (RuntimeError("CUDA error"), 1),
        (OSError("Caught OSError in DataLoader worker process 0.\nOriginal Traceback ..."), 1),
        (OSError("No space left on device"), 0),
    ],
)
def test_other_errors_are_left_alone(write_tones, monkeypatch, error, workers):
    loader = loader_of(write_tones(4)[0].parent, workers=workers)

    def fail(self: StatefulDataLoader) -> None:
        raise error

    monkeypatch.setattr(StatefulDataLoader, "__iter__", fail)
    with pytest.raises(type(error), match=str(error)[:10]):
        take(loader, 1)


# What cannot be


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop_samples": 399}, "a crop of 399 samples is too short"),
        ({"batch_size": 0}, "a batch has one clip or more"),
        ({"rank": 2, "world_size": 2}, "ranks count from 0"),
        ({"peak_low_db": 0.0, "peak_high_db": -1.0}, "rising order"),
        ({"max_seconds": 0.01}, "not above min_seconds"),
        ({"max_bad_share": 2.0}, "a share from 0 to 1"),
        ({"check_files": 0}, "1 or more"),
        ({"kind": "folders"}, "no kind 'folders'"),
    ],
)
def test_impossible_configurations(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        loader_of(tmp_path, **changes)


def test_sources_that_do_not_go_together(tmp_path, write_tones):
    folder = write_tones(2)[0].parent
    build = {"crop_samples": CROP, "batch_size": 2, "train": True}
    with pytest.raises(ConfigError, match="there are no sources"):
        build_loader(DataConfig(), **build)
    with pytest.raises(ConfigError, match="shards go with shards only"):
        build_loader(DataConfig([SourceConfig(str(folder)), SourceConfig("pipe:cat x.tar")]), **build)
