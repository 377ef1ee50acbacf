"""Shards of latents decoded to shards of recordings."""

import tarfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.corpora.conftest import Encoder, contents
from wavcube.audio.io import load_audio
from wavcube.codec import WavCube
from wavcube.corpora.decode_shard import DecodeSettings, ShardDecoder, latent_shards
from wavcube.corpora.input_shards import input_shards
from wavcube.corpora.job import claim, write_index
from wavcube.data.bucketing import BatchLimits
from wavcube.data.stored_latents import LatentCorpus
from wavcube.data.stored_latents.recordings import is_recording_corpus, stored_audio
from wavcube.errors import DataError

Make = Callable[..., Path]


@pytest.fixture
def latents(encoder: Encoder, tmp_path: Path) -> Make:
    """`latents(*inputs)`: the folder of their latents."""

    def make(*inputs: Path) -> Path:
        made = encoder("latents", size=2)
        claim(made.folder, made.settings, True)
        shards = list(input_shards([str(path) for path in inputs], size=2))
        for shard in shards:
            made(shard)
        write_index(made.folder, made.settings, range(len(shards)), True)
        return made.folder

    return make


def decoder(model: WavCube, folder: Path) -> ShardDecoder:
    folder.mkdir(exist_ok=True)
    return ShardDecoder(model, DecodeSettings.of(model, "flac"), folder, BatchLimits(2.0, 0.25))


def test_recordings_are_those_of_each_recordings_latents(
    model: WavCube, latents: Make, write_tones, tmp_path: Path
) -> None:
    paths = [*write_tones(3, 0.6), *write_tones(2, 1.3, "longer.takes")]
    folder = latents(tmp_path / "clips", tmp_path / "longer.takes")
    made = decoder(model, tmp_path / "out")
    shards = list(latent_shards(folder))
    assert [made(shard).state for shard in shards] == ["made"] * 3
    assert not is_recording_corpus(made.folder)
    index = write_index(made.folder, made.settings, range(3), False)
    assert index is not None
    assert (index.recordings, index.errors, index.audio_format, index.sample_rate) == (5, 0, "flac", 16_000)
    found = stored_audio(made.folder)
    assert list(found) == [f"{path.parent.name}/{path.stem}" for path in paths]
    for path, audio, (stored, _) in zip(paths, found.values(), LatentCorpus(folder), strict=True):
        waveform = load_audio(audio.read(), 16_000)
        assert len(waveform) == len(soundfile.read(path)[0])
        assert audio.seconds == len(waveform) / 16_000
        expected = model.decode(stored.to(dtype=model.dtype))[0].numpy()
        assert np.abs(waveform - expected).max() <= 1e-4  # 16 bits
    before = contents(made.folder)
    assert [made(shard).state for shard in shards] == ["there"] * 3
    assert contents(made.folder) == before
    with tarfile.open(made.folder / "shards/recording.000001.tar") as tar:
        assert tar.getnames()[:2] == ["clips/clip0002.flac", "clips/clip0002.json"]


def test_latents_that_are_made_anew_are_decoded_anew(
    model: WavCube, latents: Make, write_tones, tmp_path: Path
) -> None:
    paths = write_tones(4)
    made = decoder(model, tmp_path / "out")
    for shard in latent_shards(latents(tmp_path / "clips")):
        made(shard)
    soundfile.write(paths[3], np.zeros(9_000), 16_000)
    assert [made(shard).state for shard in latent_shards(latents(tmp_path / "clips"))] == ["there", "renewed"]


def test_lhotse_reads_them_and_so_does_encoding(model: WavCube, latents: Make, write_tones, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lhotse = pytest.importorskip("lhotse")
    write_tones(3)
    made = decoder(model, tmp_path / "out")
    for shard in latent_shards(latents(tmp_path / "clips")):
        made(shard)
    cuts = list(lhotse.CutSet.from_shar(in_dir=made.folder / "shards"))
    assert [cut.name for cut in cuts] == ["clip0000", "clip0001", "clip0002"]
    assert all(cut.load_audio().shape == (1, 9_600) for cut in cuts)
    clips = [clip for shard in input_shards([str(made.folder / "shards")]) for clip in shard.read()]
    assert [clip.name for clip in clips] == ["clip0000", "clip0001", "clip0002"]


def test_damaged_latents_fail_their_shard_alone(model: WavCube, latents: Make, write_tones, tmp_path: Path) -> None:
    write_tones(4)
    folder = latents(tmp_path / "clips")
    tar = folder / "shards/latent.000000.tar"
    tar.write_bytes(tar.read_bytes()[:600] + b"x" * (tar.stat().st_size - 600))
    first, second = latent_shards(folder)
    made = decoder(model, tmp_path / "out")
    with pytest.raises(DataError, match=r"latent\.000000\.tar: is damaged at clip0000"):
        made(first)
    assert made(second).state == "made"
    assert not (tmp_path / "out/records/000000.json").exists()
    (folder / "records/000001.json").unlink()
    with pytest.raises(DataError, match=r"000001\.json: cannot be read"):
        made(second)
