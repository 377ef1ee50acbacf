"""One shard: what it holds, what is left out, and when it is made anew."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.corpora.conftest import Encoder, contents, relative_error
from tests.data.tones import RATE, tone
from wavcube.codec import WavCube
from wavcube.corpora.input_shards import input_shards
from wavcube.corpora.job import write_index
from wavcube.corpora.shard_writer import OutputError
from wavcube.data.stored_latents import LatentCorpus
from wavcube.errors import DataError


@pytest.mark.parametrize(("stored", "error"), [("float32", 0), ("float16", 1e-3), ("bfloat16", 4e-3), ("int8", 1e-2)])
def test_latents_are_those_of_each_recording(
    model: WavCube, encoder: Encoder, write_tones, tmp_path: Path, stored: str, error: float
) -> None:
    paths = [*write_tones(4, 0.6), *write_tones(2, 1.3, "longer")]
    made = encoder(stored=stored)
    shards = list(input_shards([str(tmp_path / "clips"), str(tmp_path / "longer")], size=3))
    assert [len(shard.clips) for shard in shards] == [3, 3]
    for shard in shards:
        assert made(shard).state == "made"
    index = write_index(made.folder, made.settings, range(2), False)
    assert index is not None
    assert (index.recordings, index.errors, index.identity) == (6, 0, model.identity)
    assert (index.storage_error == 0) if error == 0 else (error / 20 < index.storage_error < error)
    corpus = LatentCorpus(made.folder)
    expected = [model.encode(path).values[0].numpy() for path in paths]
    for (latents, metadata), alone, path in zip(corpus, expected, paths, strict=True):
        assert relative_error(latents.values[0].float().numpy(), alone) < error + 1e-4
        assert latents.model_id == model.identity
        assert metadata["name"] == f"{path.parent.name}/{path.stem}"
        assert latents.samples is not None
        assert int(latents.samples) == len(soundfile.read(path)[0])
    frames = np.concatenate(expected)
    assert np.allclose(index.mean, frames.mean(0), atol=1e-4)
    assert np.allclose(index.std, frames.std(0), atol=1e-4)


def test_a_shard_is_made_once_and_anew_where_its_input_changes(encoder: Encoder, write_tones, tmp_path: Path) -> None:
    paths = write_tones(2)
    made = encoder()

    def shard():
        [shard] = input_shards([str(tmp_path / "clips")])
        return shard

    assert made(shard()).state == "made"
    first = contents(made.folder)
    assert made(shard()).state == "there"
    soundfile.write(paths[0], tone(7, 0.9), RATE)
    assert made(shard()).state == "renewed"
    assert contents(made.folder).keys() == first.keys()
    assert contents(made.folder) != first
    assert made(shard()).state == "there"
    (made.folder / "shards/latent.000000.tar").write_bytes(b"cut")
    assert made(shard()).state == "made"


def test_the_same_bytes_whatever_the_place_of_the_corpus(encoder: Encoder, write_tones, tmp_path: Path) -> None:
    paths = write_tones(3)
    (tmp_path / "elsewhere").mkdir()
    for path in paths:
        copy = tmp_path / "elsewhere" / path.name
        copy.write_bytes(path.read_bytes())
        os.utime(copy, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    for folder in ("clips", "elsewhere"):
        [shard] = input_shards([str(tmp_path / folder)])
        encoder(f"out-{folder}")(shard)
    assert contents(tmp_path / "out-clips") == contents(tmp_path / "out-elsewhere")


def test_bad_recordings_are_listed_up_to_a_share(encoder: Encoder, write_tones, tmp_path: Path) -> None:
    paths = write_tones(4)
    paths[1].write_bytes(b"no audio")
    soundfile.write(paths[2], tone(0, 0.01), RATE)
    [shard] = input_shards([str(tmp_path / "clips")])
    made = encoder(max_bad=0.5)
    record = made(shard).record
    assert [name for name, _ in record.errors] == ["clip0001", "clip0002"]
    assert "clip0001.flac" in record.errors[0][1]
    assert "too short" in record.errors[1][1]
    assert record.recordings == 2
    for share in (0.0, 0.25):
        with pytest.raises(DataError, match="2 of 4 recordings cannot be used, more than --max-bad"):
            encoder("strict", max_bad=share)(shard)
    assert contents(tmp_path / "strict") == {}


def test_a_mount_that_vanishes_is_no_list_of_bad_recordings(encoder: Encoder, write_tones, tmp_path: Path) -> None:
    write_tones(4)
    [shard] = input_shards([str(tmp_path / "clips")])
    made = encoder(max_bad=0.5)
    add = made.decoders.decode

    def vanishing(clips, ahead):
        for number, one in enumerate(add(clips, 0.0)):
            if number == 2:
                (tmp_path / "clips").rename(tmp_path / "gone")
            yield replace(one, waveform=None, reason="gone") if number == 3 else one

    made.decoders = type("Vanishing", (), {"decode": staticmethod(vanishing)})()  # type: ignore[assignment]
    with pytest.raises(DataError, match="has changed, or is gone, while it was read"):
        made(shard)
    assert contents(tmp_path / "out") == {}


def test_a_full_disk(encoder: Encoder, write_tones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tones(4)
    first, second = input_shards([str(tmp_path / "clips")], size=2)
    made = encoder()
    made(first)
    there = contents(made.folder)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for where in ("tarfile.TarFile.addfile", "os.fsync", "os.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(where, full)
            with pytest.raises(OutputError, match="disk is full"):
                made(second)
        assert contents(made.folder) == there
    assert made(second).state == "made"
