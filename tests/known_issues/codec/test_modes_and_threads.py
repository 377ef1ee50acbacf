"""A call put a shared model into evaluation mode and back: other threads met dropout, and training went on without."""

import copy
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from wavcube import WavCube, WavCubeConfig

CLIP = np.random.default_rng(0).uniform(-0.3, 0.3, 8_000).astype(np.float32)


def new_model(kind: str = "vae") -> WavCube:
    values = WavCubeConfig.preset("tiny").to_dict()
    values["bottleneck"]["kind"] = kind
    torch.manual_seed(0)
    return WavCube(WavCubeConfig.from_dict(values))


@pytest.mark.parametrize("kind", ["ae", "vae", "sigma-vae"])
def test_threads_on_a_model_in_training(kind: str) -> None:
    model = new_model(kind)
    expected = model.encode(CLIP, 16_000)
    waveform = model.decode(expected)
    restored = model.restore(expected).values
    features = model.features(CLIP, 16_000).values
    model.train()

    def work(number: int) -> bool:
        latents = model.encode([CLIP, CLIP[: 2_000 + number]], 16_000)[0]
        return bool(
            torch.allclose(latents.values, expected.values, atol=1e-4)
            and torch.allclose(model.decode(expected), waveform, atol=1e-4)
            and torch.allclose(model.restore(expected).values, restored, atol=1e-4)
            and torch.allclose(model.features(CLIP, 16_000).values, features, atol=1e-4)
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(40)))
    assert all(module.training for module in model.modules())


def test_no_module_ever_changes_its_mode() -> None:
    model = new_model().train()
    model.encoder.eval()
    modes = {name: module.training for name, module in model.named_modules()}
    model.chunking = replace(model.chunking, above=1.0, chunk=1.0, context=0.2)
    seen: list[dict[str, bool]] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.append({name: module.training for name, module in model.named_modules()})

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for clip in (CLIP, np.tile(CLIP, 4)):
            latents = model.encode(clip, 16_000)
            model.decode(latents)
            model.restore(latents)
            model.features(clip, 16_000)
            model.reconstruct(clip, 16_000)
    finally:
        stop.set()
        watcher.join()
    assert all(state == modes for state in seen)


def test_the_twin_in_evaluation_has_the_weights_of_now() -> None:
    """Hooks, replaced parts and new weights count; what one trains stays what one trains."""
    model = new_model().train()
    called = []
    model.compressor.register_forward_hook(lambda *_: called.append(1))
    model.encode(CLIP, 16_000)
    assert called == [1]
    with torch.no_grad():
        model.compressor.projection[0].weight += 0.1
    changed = model.encode(CLIP, 16_000).values
    assert torch.equal(changed, copy.deepcopy(model).eval().encode(CLIP, 16_000).values)
    model.compressor.projection[0] = nn.Linear(64, 40)
    assert not torch.equal(model.encode(CLIP, 16_000).values, changed)
    assert all(parameter.requires_grad for parameter in model.encoder.parameters())


def test_features_and_exports_leave_the_mode_alone() -> None:
    from wavcube.features.wavcube import WavCubeExtractor

    model = new_model().train()
    extractor = WavCubeExtractor(model)
    first, second = (extractor(torch.from_numpy(CLIP)[None])[0] for _ in range(2))
    assert torch.equal(first, second)
    assert model.training
    assert model.encoder.training
