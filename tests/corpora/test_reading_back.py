"""Shards of latents as Lhotse, WebDataset and the package itself read them."""

import io
import json
import pickle
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.corpora.conftest import Encoder
from wavcube.corpora.input_shards import input_shards
from wavcube.corpora.job import write_index
from wavcube.data.stored_latents import LatentCorpus, unpack
from wavcube.errors import DataError


@pytest.fixture(params=["float16", "int8", "bfloat16"])
def corpus(request: pytest.FixtureRequest, encoder: Encoder, write_tones, tmp_path: Path) -> LatentCorpus:
    write_tones(5)
    rows = [
        {"path": f"clips/clip{n:04d}.flac", "text": f"words {n}", "speaker": f"s{n}", "split": "train"}
        for n in range(5)
    ]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = encoder(stored=request.param, size=2)
    shards = list(input_shards([str(tmp_path / "list.jsonl")], size=2))
    for shard in shards:
        made(shard)
    write_index(made.folder, made.settings, range(len(shards)), False)
    return LatentCorpus(made.folder)


def test_by_ourselves(corpus: LatentCorpus) -> None:
    corpus = pickle.loads(pickle.dumps(corpus))
    assert len(corpus) == 5
    assert [metadata["name"] for _, metadata in corpus] == [f"clips/clip{n:04d}" for n in range(5)]
    latents, metadata = corpus[3]
    assert metadata == {
        "name": "clips/clip0003", "transcript": "words 3", "speaker": "s3", "language": "en", "split": "train",
        "seconds": "0.600",
    }  # fmt: skip
    assert latents.values.shape == (1, corpus.frames(3), corpus.about.dim)
    assert corpus.metadata(-1)["name"] == "clips/clip0004"
    with pytest.raises(IndexError):
        corpus[5]


def test_by_lhotse(corpus: LatentCorpus) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lhotse = pytest.importorskip("lhotse")
        cuts = list(lhotse.CutSet.from_shar(in_dir=corpus.folder / "shards"))
    assert [cut.supervisions[0].text for cut in cuts] == [f"words {n}" for n in range(5)]
    for cut, (latents, metadata) in zip(cuts, corpus, strict=True):
        assert cut.name == metadata["name"]
        found = cut.load_latent()
        half = cut.truncate(duration=0.3).load_latent()
        assert found.shape == (len(latents.values[0]), corpus.about.dim)
        assert half.shape == (15, corpus.about.dim)
        if corpus.about.stored == "float16":
            assert torch.equal(torch.from_numpy(found), latents.values[0])
            assert np.array_equal(half, found[:15])


def test_by_webdataset(corpus: LatentCorpus) -> None:
    webdataset = pytest.importorskip("webdataset")
    urls = [str(path) for path in sorted((corpus.folder / "shards").glob("latent.*.tar"))]
    samples = list(webdataset.WebDataset(urls, shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [f"clips/clip{n:04d}" for n in range(5)]
    for sample, (latents, _) in zip(samples, corpus, strict=True):
        assert torch.equal(unpack(sample["npy"]), latents.values[0])
        assert json.loads(sample["json"])["array"]["shape"] == list(latents.values.shape[1:])


def test_damage_is_an_error(corpus: LatentCorpus) -> None:
    tar = corpus.folder / "shards/latent.000000.tar"
    with tarfile.open(tar) as file:
        first = file.next()
        assert first is not None
    content = bytearray(tar.read_bytes())
    content[first.offset_data : first.offset_data + 8] = b"damaged!"
    tar.write_bytes(content)
    with pytest.raises(DataError, match=r"latent.000000.tar: is damaged at clips/clip0000"):
        corpus[0]
    assert corpus[1][1]["name"] == "clips/clip0001"
    (corpus.folder / "latents.json").unlink()
    with pytest.raises(DataError, match="when all shards are complete"):
        LatentCorpus(corpus.folder)


def test_names_with_dots_stay_names(encoder: Encoder, write_tones, tmp_path: Path) -> None:
    [path] = write_tones(1)
    for name in ("a.1.flac", "a%1.flac", "ä/b.c.flac"):
        (tmp_path / "odd" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "odd" / name).write_bytes(path.read_bytes())
    [shard] = input_shards([str(tmp_path / "odd")])
    made = encoder()
    made(shard)
    write_index(made.folder, made.settings, {0}, False)
    names = [metadata["name"] for _, metadata in LatentCorpus(made.folder)]
    assert sorted(names) == ["a%1", "a.1", "ä/b.c"]
    with tarfile.open(made.folder / "shards/latent.000000.tar") as tar:
        assert sorted(tar.getnames())[:2] == ["a%251.json", "a%251.npy"]


@pytest.mark.parametrize("stored", ["float16", "int8"])
def test_latents_lie_beside_the_audio_of_a_shar(encoder: Encoder, write_tones, tmp_path: Path, stored: str) -> None:
    """Also where a recording could not be used: the other fields of its cut keep their place."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lhotse = pytest.importorskip("lhotse")
        recordings = [lhotse.Recording.from_file(path) for path in write_tones(4)]
        cuts = lhotse.CutSet.from_manifests(recordings=lhotse.RecordingSet.from_recordings(recordings))
        (tmp_path / "shar").mkdir()
        cuts.to_shar(tmp_path / "shar", fields={"recording": "flac"}, shard_size=2)
    audio = tmp_path / "shar/recording.000001.tar"
    with tarfile.open(audio) as tar:
        members = [(member, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]
    with tarfile.open(audio, "w") as tar:
        for number, (member, content) in enumerate(members):
            content = b"x" * len(content) if number == 0 else content
            tar.addfile(member, io.BytesIO(content))
    made = encoder(stored=stored)
    shards = list(input_shards([str(tmp_path / "shar")]))
    for shard in shards:
        made(shard)
    index = write_index(made.folder, made.settings, range(2), False)
    assert index is not None
    assert (index.recordings, index.errors) == (3, 1)
    ids = [cut.id for cut in cuts]
    assert [metadata["name"] for _, metadata in LatentCorpus(made.folder)] == [ids[0], ids[1], ids[3]]
    for path in (made.folder / "shards").glob("latent.*.tar"):
        path.rename(tmp_path / "shar" / path.name)
    joined = list(lhotse.CutSet.from_shar(in_dir=tmp_path / "shar"))
    assert [cut.id for cut in joined] == ids
    assert [cut.has_custom("latent") for cut in joined] == [True, True, False, True]
    assert joined[3].load_latent().shape == (29, index.dim)
    assert joined[3].load_audio().shape == (1, 9_600)
