"""The cache gives what the encoder gives, and asks it only once."""

import dataclasses

import numpy as np
import pytest
import torch

from wavcube.codec import SpeechEncoder, WavCubeConfig
from wavcube.data.streaming import Batch, build_loader
from wavcube.errors import ConfigError, DataError
from wavcube.training.recipe import read_recipe
from wavcube.training.small.feature_cache import FeatureCache
from wavcube.training.tasks import build_objective


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return SpeechEncoder(WavCubeConfig.preset("tiny").encoder).eval()


def cache_of(folder, encoder: SpeechEncoder) -> FeatureCache:
    return FeatureCache(folder, encoder, lambda *crops: encoder(*crops)[0])


def test_features_are_computed_once(tmp_path, encoder):
    cache = cache_of(tmp_path, encoder)
    waveform = torch.randn(3, 4000)
    first = cache.features(waveform, None)
    torch.testing.assert_close(first, encoder(waveform)[0].detach(), rtol=1e-3, atol=1e-3)
    files = sorted(tmp_path.rglob("*.npy"))
    assert len(files) == 3
    times = [file.stat().st_mtime_ns for file in files]
    again = cache.features(waveform.flip(0), None).flip(0)
    assert torch.equal(first, again)
    assert [file.stat().st_mtime_ns for file in files] == times


def test_another_encoder_has_features_of_its_own(tmp_path, encoder):
    waveform = torch.randn(1, 4000)
    mine = cache_of(tmp_path, encoder).features(waveform, None)
    torch.manual_seed(1)
    other = SpeechEncoder(encoder.config).eval()
    assert not torch.allclose(mine, cache_of(tmp_path, other).features(waveform, None))


def test_a_damaged_file_is_named(tmp_path, encoder):
    cache = cache_of(tmp_path, encoder)
    waveform = torch.randn(1, 4000)
    cache.features(waveform, None)
    file = next(tmp_path.rglob("*.npy"))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match=file.name):
        cache.features(waveform, None)


def test_stage_1_learns_from_cached_features(tmp_path, small_settings):
    stage = build_objective(read_recipe("stage1", None, [*small_settings, f"loader.feature_cache={tmp_path}"]), None)
    batch = Batch(torch.randn(2, 8000), torch.tensor([8000, 8000]), ["a", "b"])
    stage.networks.train()
    cached = stage.networks(**stage.inputs(batch))
    fresh = stage.networks(batch.waveform, None)
    torch.testing.assert_close(cached["target"], fresh["target"], rtol=1e-3, atol=1e-3)
    assert np.load(next(tmp_path.rglob("*.npy"))).dtype == np.float16


def test_it_is_not_for_sharded_networks(tmp_path, small_settings):
    settings = [*small_settings, f"loader.feature_cache={tmp_path}", "hardware.strategy=fsdp"]
    with pytest.raises(ConfigError, match="feature_cache"):
        build_objective(read_recipe("stage1", None, settings), None)


def test_crops_come_again_after_as_many_epochs_as_there_are_variants(small_config):
    data = dataclasses.replace(small_config.data, crop_variants=2)
    loader = build_loader(data, crop_samples=4000, batch_size=8, seed=0, train=True)
    batches = iter(loader)
    epochs = [dict(zip(b.names, b.waveform, strict=True)) for b in (next(batches) for _ in range(4))]
    for name, crop in epochs[0].items():
        assert not torch.equal(crop, epochs[1][name])
        assert torch.equal(crop, epochs[2][name])
        assert torch.equal(epochs[1][name], epochs[3][name])
