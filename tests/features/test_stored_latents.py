"""Frames that a corpus of latents has: no audio is read."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.corpora.conftest import Encoder, encoder, model
from tests.data.conftest import write_tones
from wavcube.codec import WavCube
from wavcube.corpora.input_shards import input_shards
from wavcube.corpora.job import write_index
from wavcube.data.manifest import read_clips
from wavcube.errors import DataError
from wavcube.features import FrameCache
from wavcube.features.spectral import LogMel
from wavcube.features.wavcube import WavCubeExtractor

__all__ = ["encoder", "model", "write_tones"]


@pytest.mark.parametrize("stored", ["float16", "int8"])
def test_frames_are_those_of_the_audio(
    model: WavCube, encoder: Encoder, write_tones, tmp_path: Path, stored: str
) -> None:
    rows = [{"path": str(path), "text": f"words {n}", "set": "ab"[n % 2]} for n, path in enumerate(write_tones(5))]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = encoder(stored=stored, size=2)
    for shard in input_shards([str(tmp_path / "list.jsonl")], size=2):
        made(shard)
    write_index(made.folder, made.settings, range(3), False)
    extractor = WavCubeExtractor(model)
    spoken = read_clips(tmp_path / "list.jsonl")
    from_audio = FrameCache(extractor, tmp_path / "cache")
    from_audio.extract(spoken)
    shutil.rmtree(tmp_path / "clips")

    for source in (made.folder, made.folder / "latents.json"):
        clips = read_clips(source)
        assert [(clip.name, clip.transcript, clip.seconds) for clip in clips] == [
            (clip.name, clip.transcript, clip.seconds) for clip in spoken
        ]
    cache = FrameCache(extractor, tmp_path / "other")
    assert cache.plan(clips).clips == 0
    cache.extract(clips)
    for clip in clips:
        found, expected = cache.reader()[clip.name], from_audio[clip.name]
        assert clip.name in cache
        assert found.dtype == np.float16
        assert len(found) == cache.frames(clip.name) == len(expected)
        error = np.linalg.norm(found.astype(float) - expected) / np.linalg.norm(expected.astype(float))
        assert error < (2e-3 if stored == "float16" else 2e-2)
    assert np.allclose(cache.statistics([c.name for c in clips])[0], from_audio.statistics([c.name for c in spoken])[0],
                       atol=2e-2)  # fmt: skip
    assert [clip.transcript for clip in read_clips(made.folder, {"set": "b"}, 1)] == ["words 1"]
    with pytest.raises(DataError, match="no frames of log-mel"):
        FrameCache(LogMel(), tmp_path / "mel").extract(clips)
