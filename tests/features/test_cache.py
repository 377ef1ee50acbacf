"""The cache: what is computed, once, resumable, by content."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from wavcube.audio.io import load_audio, save_audio
from wavcube.codec import WavCube, WavCubeConfig
from wavcube.errors import AudioError, DataError
from wavcube.features import Clip, FeatureExtractor, FrameCache, build_feature_extractor
from wavcube.features import cache as cache_module


class Counting(FeatureExtractor):
    """Two layers of three channels at 50 Hz; counts what goes through it and can fail at a given recording."""

    def __init__(self) -> None:
        self.name, self.dim, self.layers, self.frame_rate, self.shortest = "counting", 3, 2, 50.0, 400
        self.fingerprint, self.seen, self.fail_at = "counting", 0, 10**9

    def frames(self, samples: int) -> int:
        return (samples - 400) // 320 + 1

    def _compute(self, waveform: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.seen += len(waveform)
        if self.seen > self.fail_at:
            raise KeyboardInterrupt
        frames = waveform.unfold(1, 400, 320).mean(-1)
        values = [torch.stack([frames * (c + 10 * layer) for c in range(3)], -1) for layer in range(2)]
        return torch.stack(values, 1), (lengths - 400) // 320 + 1


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    rng = np.random.default_rng(0)
    found = []
    for i in range(7):
        path = tmp_path / f"{i}.wav"
        save_audio(path, rng.uniform(-0.5, 0.5, 4000 + 1000 * i).astype(np.float32), 16_000)
        found.append(Clip(f"clip{i}", path))
    return found


def test_frames_are_those_of_the_extractor(clips: list[Clip], tmp_path: Path) -> None:
    extractor = build_feature_extractor("logmel")
    cache = FrameCache(extractor, tmp_path / "cache")
    cache.extract(clips)
    for clip in clips:
        direct = extractor(torch.from_numpy(load_audio(clip.path))[None])[0][0].numpy()
        assert cache[clip.name].dtype == np.float16
        np.testing.assert_allclose(cache[clip.name], direct, atol=0.01)
        assert cache.frames(clip.name) == len(direct)


def test_layers_keep_their_order(clips: list[Clip], tmp_path: Path) -> None:
    cache = FrameCache(Counting(), tmp_path / "cache")
    cache.extract(clips)
    values = cache["clip3"].astype(np.float32)
    assert values.shape[0] == 2
    assert values.shape[2] == 3
    np.testing.assert_allclose(values[1, :, 1], 11 * values[0, :, 1], atol=1e-2)
    mean, std = cache.statistics([clip.name for clip in clips])
    everything = np.concatenate([cache[clip.name] for clip in clips], 1).astype(np.float64)
    np.testing.assert_allclose(mean, everything.mean(1), atol=1e-4)
    np.testing.assert_allclose(std, everything.std(1), atol=1e-4)


def test_nothing_is_computed_twice(clips: list[Clip], tmp_path: Path) -> None:
    FrameCache(Counting(), tmp_path / "cache").extract(clips)
    again = Counting()
    cache = FrameCache(again, tmp_path / "cache")
    copy = tmp_path / "copy.wav"
    shutil.copy(clips[0].path, copy)
    assert cache.plan(clips).clips == 0
    cache.extract([*clips, Clip("copy", copy)])
    assert again.seen == 0
    np.testing.assert_array_equal(cache["copy"], cache["clip0"])


def test_a_changed_file_is_computed_anew(clips: list[Clip], tmp_path: Path) -> None:
    cache = FrameCache(Counting(), tmp_path / "cache")
    cache.extract(clips)
    before = cache["clip0"].copy()
    save_audio(clips[0].path, np.full(4000, 0.25, np.float32), 16_000)
    again = Counting()
    cache = FrameCache(again, tmp_path / "cache")
    cache.extract(clips)
    assert again.seen == 1
    assert not np.array_equal(cache["clip0"], before)


def test_interruption_keeps_what_is_done(clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "BATCH_SECONDS", 0.1)
    extractor = Counting()
    extractor.fail_at = 4
    with pytest.raises(KeyboardInterrupt):
        FrameCache(extractor, tmp_path / "cache").extract(clips)
    again = Counting()
    FrameCache(again, tmp_path / "cache").extract(clips)
    assert again.seen == 3


def test_a_shard_without_index_is_ignored(clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What kill -9 between the two renames leaves."""
    monkeypatch.setattr(cache_module, "SHARD_BYTES", 100)
    monkeypatch.setattr(cache_module, "BATCH_SECONDS", 0.1)
    cache = FrameCache(Counting(), tmp_path / "cache")
    cache.extract(clips)
    indexes = sorted(cache.folder.glob("*.json"))
    assert len(indexes) == 7
    lost = len(json.loads(indexes[0].read_text()))
    indexes[0].unlink()
    again = Counting()
    FrameCache(again, tmp_path / "cache").extract(clips)
    assert again.seen == lost


def test_a_shard_that_was_cut_short_is_refused(clips: list[Clip], tmp_path: Path) -> None:
    cache = FrameCache(Counting(), tmp_path / "cache")
    cache.extract(clips)
    shard = next(cache.folder.glob("*.f16"))
    shard.write_bytes(shard.read_bytes()[:-2])
    with pytest.raises(DataError, match="not what its index says"):
        FrameCache(Counting(), tmp_path / "cache")


def test_the_size_is_told_beforehand(clips: list[Clip], tmp_path: Path) -> None:
    cache = FrameCache(build_feature_extractor("mfcc"), tmp_path / "cache")
    plan = cache.plan(clips)
    assert plan.clips == 7
    cache.extract(clips)
    assert sum(shard.stat().st_size for shard in cache.folder.glob("*.f16")) == plan.bytes


def test_full_size_latents_take_12800_bytes_a_second(tmp_path: Path) -> None:
    config = WavCubeConfig.preset("full")
    assert config.bottleneck.latent_dim * config.bottleneck.frame_rate * 2 == 12_800


def test_parts_of_a_recording(clips: list[Clip], tmp_path: Path) -> None:
    extractor = build_feature_extractor("logmel")
    cache = FrameCache(extractor, tmp_path / "cache")
    cache.extract([Clip("part", clips[6].path, 0.1, 0.3), Clip("rest", clips[6].path, 0.4), clips[6]])
    waveform = load_audio(clips[6].path)
    direct = extractor(torch.from_numpy(waveform[1600:6400])[None])[0][0].numpy()
    np.testing.assert_allclose(cache["part"], direct, atol=0.01)
    assert cache.frames("rest") == extractor.frames(len(waveform) - 6400)
    with pytest.raises(AudioError, match=r"the list asks for up to 6\.00 s"):
        FrameCache(extractor, tmp_path / "cache").extract([Clip("beyond", clips[6].path, 5.0, 1.0)])


def test_bad_recordings_are_named(clips: list[Clip], tmp_path: Path) -> None:
    cache = FrameCache(Counting(), tmp_path / "cache")
    short = tmp_path / "short.wav"
    save_audio(short, np.zeros(300, np.float32), 16_000)
    with pytest.raises(AudioError, match=r"short\.wav"):
        cache.extract([*clips, Clip("short", short)])
    with pytest.raises(AudioError, match=r"absent\.wav"):
        cache.extract([Clip("absent", tmp_path / "absent.wav")])
    with pytest.raises(DataError, match="same key"):
        cache.extract([clips[0], clips[0]])


def test_model_of_random_weights_has_a_fingerprint(clips: list[Clip], tmp_path: Path) -> None:
    from wavcube.features.wavcube import WavCubeExtractor

    torch.manual_seed(0)
    one, two = (WavCubeExtractor(WavCube(WavCubeConfig.preset("tiny"))) for _ in range(2))
    assert one.fingerprint != two.fingerprint
