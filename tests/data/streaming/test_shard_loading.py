"""WebDataset and Lhotse Shar through the loader."""

import io
import tarfile
import warnings
from pathlib import Path

import pytest
import torch

from wavcube.data.streaming import Batch, DataConfig, SourceConfig, SpeechLoader, build_loader
from wavcube.data.streaming.shar import find_shar_shards
from wavcube.errors import DataError

SHARDS, CLIPS = 4, 5


@pytest.fixture
def tars(tmp_path: Path, write_tones) -> Path:
    """Four tar files of five clips each, with texts beside the recordings."""
    paths = write_tones(SHARDS * CLIPS)
    for shard in range(SHARDS):
        with tarfile.open(tmp_path / f"speech-{shard:03d}.tar", "w") as tar:
            for path in paths[shard * CLIPS : (shard + 1) * CLIPS]:
                text = path.with_suffix(".txt")
                text.write_text("words")
                tar.add(text, text.name)
                tar.add(path, path.name)
    return tmp_path


@pytest.fixture
def shar(tmp_path: Path, write_tones) -> Path:
    """The same twenty clips as Lhotse Shar."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lhotse = pytest.importorskip("lhotse")
        recordings = lhotse.RecordingSet.from_recordings(
            lhotse.Recording.from_file(path) for path in write_tones(SHARDS * CLIPS)
        )
        folder = tmp_path / "shar"
        folder.mkdir()
        cuts = lhotse.CutSet.from_manifests(recordings=recordings)
        cuts.to_shar(folder, fields={"recording": "flac"}, shard_size=CLIPS)
    return folder


@pytest.fixture(params=["tars", "shar"])
def shards(request: pytest.FixtureRequest) -> str:
    folder = request.getfixturevalue(request.param)
    return str(folder / "speech-{000..003}.tar" if request.param == "tars" else folder)


def loader_of(*paths: str, train: bool = True, **changes: object) -> SpeechLoader:
    weights = changes.pop("weights", [None] * len(paths))
    config = DataConfig(
        [SourceConfig(path, weight=weight) for path, weight in zip(paths, weights, strict=True)], shuffle_buffer=3
    )
    return build_loader(config, **{"crop_samples": 3200, "batch_size": 2, "seed": 1, "train": train, **changes})


def take(loader: SpeechLoader, count: int) -> list[Batch]:
    return [batch for _, batch in zip(range(count), loader, strict=False)]


def names(batches: list[Batch]) -> list[str]:
    return [name for batch in batches for name in batch.names]


def same(a: list[Batch], b: list[Batch]) -> bool:
    return names(a) == names(b) and all(torch.equal(x.waveform, y.waveform) for x, y in zip(a, b, strict=True))


def test_an_epoch(shards):
    drawn = names(take(loader_of(shards), 20))
    assert len(set(drawn[:20])) == 20
    assert sorted(drawn[:20]) == sorted(drawn[20:])
    assert drawn[:20] != drawn[20:]


@pytest.mark.parametrize("workers", [0, 2])
def test_ranks_and_workers_read_different_shards(shards, workers):
    loaders = [loader_of(shards, rank=rank, world_size=2, workers=workers, batch_size=5) for rank in (0, 1)]
    parts = [names(take(loader, 2)) for loader in loaders]
    assert [len(set(part)) for part in parts] == [10, 10]
    assert len({*parts[0], *parts[1]}) == 20


@pytest.mark.parametrize(("workers", "count"), [(0, 0), (0, 13), (2, 13)])
def test_resume_is_exact(shards, workers, count):
    whole = take(loader_of(shards, workers=workers), count + 6)
    first = loader_of(shards, workers=workers)
    begun = take(first, count)
    second = loader_of(shards, workers=workers)
    second.load_state_dict(first.state_dict())
    assert same(whole, begun + take(second, 6))


def test_iterating_again_goes_on(shards):
    loader = loader_of(shards, workers=2)
    assert same(take(loader_of(shards, workers=2), 7), take(loader, 3) + take(loader, 4))


def test_a_position_of_other_workers_or_ranks_is_refused(shards):
    first = loader_of(shards, workers=2)
    take(first, 1)
    state = first.state_dict()
    with pytest.raises(DataError, match=r"number of workers was 2, now it is 0;.* go on with loader\.workers=2, or"):
        loader_of(shards).load_state_dict(state)
    with pytest.raises(DataError, match=r"number of ranks was 1, now it is 2;.* go on with 1 processes, or"):
        loader_of(shards, workers=2, world_size=2).load_state_dict(state)


def test_validation(shards):
    loader = loader_of(shards, train=False, batch_size=8, workers=2)
    first = list(loader)
    assert len(set(names(first))) == 20
    assert same(first, list(loader))
    ranks = [names(list(loader_of(shards, train=False, rank=rank, world_size=2))) for rank in (0, 1)]
    assert len({*ranks[0], *ranks[1]}) == sum(map(len, ranks)) == 20


def test_weights(tars):
    pair = [str(tars / "speech-{000..001}.tar"), str(tars / "speech-{002..003}.tar")]
    loader = loader_of(*pair, weights=[1.0, 4.0], batch_size=10)
    drawn = names(take(loader, 20))
    share = sum(name.startswith(("speech-002", "speech-003")) for name in drawn) / 200
    assert 0.7 < share < 0.9
    first = loader_of(*pair, weights=[1.0, 4.0])
    begun = take(first, 7)
    second = loader_of(*pair, weights=[1.0, 4.0])
    second.load_state_dict(first.state_dict())
    assert same(begun + take(second, 5), take(loader_of(*pair, weights=[1.0, 4.0]), 12))


def test_more_ranks_or_workers_than_shards(shards, caplog):
    with pytest.raises(DataError, match="a source has 4 shards for 5 ranks"):
        loader_of(shards, world_size=5)
    loader = loader_of(shards, world_size=2, workers=3)
    assert loader.num_workers == 2
    assert "2 of 3 workers are started" in caplog.text


def test_commands_and_wildcards(tars):
    expected = names(take(loader_of(str(tars / "speech-*.tar")), 10))
    piped = names(take(loader_of(f"pipe:cat {tars}/speech-{{000..003}}.tar"), 10))
    assert len(set(expected)) == 20
    assert sorted(name.split("/")[-1] for name in piped) == sorted(name.split("/")[-1] for name in expected)


def test_a_shard_that_was_cut_short_costs_its_rest(tars):
    shard = tars / "speech-001.tar"
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    loader = loader_of(str(tars / "speech-*.tar"), train=False)
    drawn = names(list(loader))
    assert {name.split("/")[0] for name in drawn} == {f"speech-00{number}.tar" for number in range(4)}
    assert 15 < len(drawn) < 20
    assert loader.bad_files.bad == 1


def test_keys_without_audio_and_broken_audio_are_bad(tars):
    (tars / "notes.txt").write_text("text only")
    (tars / "broken.flac").write_bytes(b"fLaC")
    with tarfile.open(tars / "speech-000.tar", "a") as tar:
        tar.add(tars / "notes.txt", "notes.txt")
        tar.add(tars / "broken.flac", "broken.flac")
    loader = loader_of(str(tars / "speech-000.tar"), train=False)
    assert len(names(list(loader))) == CLIPS
    assert loader.bad_files.bad == 2


def test_shards_that_are_not_there(tars):
    for path, message in [
        (str(tars / "speech-{000..009}.tar"), r"speech-004.tar: no such shard"),
        (str(tars / "none-*.tar"), r"none-\*.tar: no such shard"),
        (str(tars / "speech-{000.tar"), "its braces do not match"),
        ("pipe:false", "pipe:false: no recording can be read from this shard"),
    ]:
        with pytest.raises(DataError, match=message):
            loader_of(path)
    (tars / "empty.tar").write_bytes(b"")
    with pytest.raises(DataError, match=r"empty\.tar: no recording can be read from this shard"):
        loader_of(str(tars / "empty.tar"))


def test_a_shar_folder_without_audio(shar):
    (shar / "recording.000002.tar").unlink()
    with pytest.raises(DataError, match=r"recording\.000002\.tar, is missing"):
        loader_of(str(shar))


def test_audio_that_ends_before_its_cuts_is_an_error(shar):
    first = find_shar_shards(SourceConfig(str(shar)))[0]
    assert len(list(first.read())) == CLIPS
    with tarfile.open(first.recording) as tar:
        kept = [(member, tar.extractfile(member).read()) for member in tar][:4]
    with tarfile.open(first.recording, "w") as tar:
        for member, content in kept:
            tar.addfile(member, io.BytesIO(content))
    with pytest.raises(DataError, match="holds 2 recordings for 5 cuts"):
        list(first.read())
