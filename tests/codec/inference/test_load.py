"""Which runtime computes: exports made once, made anew for other weights, and refused where they do not fit."""

import importlib.util
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.codec.small import moved, relative_error, signal
from wavcube.codec import WavCube, WavCubeConfig
from wavcube.codec.inference import load as backends
from wavcube.errors import ConfigError, MissingDependencyError

needs_onnx = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("onnxscript", "onnxruntime")), reason="without the extra onnx"
)


def save_one_layer_model(folder: Path, seed: int = 0, frame_rate: int = 50) -> Path:
    values = WavCubeConfig.preset("tiny").to_dict()
    values["encoder"]["layers"] = values["bottleneck"]["layers"] = 1
    values["decoder"]["layers"] = values["decoder"]["vocoder"]["layers"] = 1
    values["bottleneck"]["frame_rate"] = frame_rate
    moved(WavCube(WavCubeConfig.from_dict(values)), seed).save_pretrained(folder)
    return folder


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders that would have been exported to: exporting itself takes seconds and is tested elsewhere."""
    made: list[Path] = []

    def export(model: WavCube, folder: Path, backend: str, *, source: str) -> None:
        made.append(folder)
        folder.mkdir(parents=True, exist_ok=True)
        model.config.save(folder / "config.json")
        (folder / "export.json").write_text(f'{{"backend": "{backend}", "identity": null, "source": "{source}"}}')

    monkeypatch.setattr(backends, "export", export)
    monkeypatch.setattr(backends, "load_exported", lambda kind, folder, dtype: folder)
    monkeypatch.setattr(backends, "is_installed", lambda backend: True)
    return made


@pytest.mark.long
@needs_onnx
def test_a_checkpoint_is_exported_once_and_gives_its_own_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = save_one_layer_model(tmp_path / "model")
    plain = WavCube.from_pretrained(folder, backend="torch")
    assert (plain.backend, plain.optimized) == ("torch", False)
    graphs = WavCube.from_pretrained(folder, backend="onnx")
    assert graphs.backend == "onnx"
    assert "exporting" in caplog.text
    assert str(folder / "exports" / "onnx") in caplog.text

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("exported a second time")

    caplog.clear()
    monkeypatch.setattr(backends, "export", refuse)
    for again in (WavCube.from_pretrained(folder, backend="onnx"), WavCube.from_pretrained(folder / "exports/onnx")):
        latents = plain.encode([signal(5_000), signal(16_000)], 16_000)
        graph_latents = again.encode([signal(5_000), signal(16_000)], 16_000)
        assert again.identity == plain.identity
        for i in range(2):
            assert relative_error(graph_latents.item(i).values, latents.item(i).values) < 1e-5
        assert relative_error(again.decode(latents), plain.decode(latents)) < 1e-5
    assert not caplog.records


def test_other_weights_are_exported_anew(tmp_path: Path, exports: list[Path]) -> None:
    folder = save_one_layer_model(tmp_path / "model")
    for _ in range(2):
        WavCube.from_pretrained(folder, backend="onnx")
    assert exports == [folder / "exports" / "onnx"]
    WavCube.from_pretrained(folder, backend="openvino")
    assert exports[1:] == [folder / "exports" / "openvino"]
    model = WavCube.from_pretrained(folder)
    with torch.no_grad():
        model.decoder.input.weight.mul_(2)  # of the same latent space: the identity stays
    model.save_pretrained(folder)
    for _ in range(2):
        WavCube.from_pretrained(folder, backend="onnx")
    assert exports[2:] == [folder / "exports" / "onnx"]


def test_graphs_of_the_packaged_model_are_kept_in_the_users_cache(
    tmp_path: Path, exports: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for _ in range(2):
        WavCube.from_pretrained(backend="openvino")
    (made,) = exports
    assert made.parent.parent == tmp_path / "wavcube" / "exports"


def test_auto_prepares_a_checkpoint_in_the_type_asked_for(tmp_path: Path, exports: list[Path]) -> None:
    folder = save_one_layer_model(tmp_path / "model")
    clip = signal(5_000)
    plain = WavCube.from_pretrained(folder).encode(clip, 16_000).values
    for dtype, bound in ((None, 1e-5), (torch.bfloat16, 5e-2), (torch.int8, 0.1)):
        model = WavCube.from_pretrained(folder, backend="auto", dtype=dtype)
        assert (model.backend, model.optimized) == ("torch", True)
        assert relative_error(model.encode(clip, 16_000).values.float(), plain) < bound
    assert not exports


def test_auto_takes_an_exported_folder_as_it_is(tmp_path: Path, exports: list[Path]) -> None:
    WavCube.from_pretrained(save_one_layer_model(tmp_path / "model"), backend="onnx")
    assert WavCube.from_pretrained(exports[0], backend="auto") == exports[0]


def test_what_does_not_fit_is_refused(tmp_path: Path, exports: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_one_layer_model(tmp_path / "model")
    with pytest.raises(ConfigError, match="no backend 'tensorrt'; there are torch, onnx, openvino, auto"):
        WavCube.from_pretrained(folder, backend="tensorrt")
    with pytest.raises(ConfigError, match="computes on the CPU, not on cuda"):
        WavCube.from_pretrained(folder, backend="onnx", device="cuda")
    WavCube.from_pretrained(folder, backend="onnx")
    with pytest.raises(ConfigError, match="computes on the CPU, not on cuda"):
        WavCube.from_pretrained(exports[0], backend="auto", device="cuda")
    for other in ("torch", "openvino"):
        with pytest.raises(ConfigError, match=f"holds graphs for onnx; for {other} name the checkpoint"):
            WavCube.from_pretrained(exports[0], backend=other)
    monkeypatch.setattr(backends, "is_installed", lambda backend: False)
    with pytest.raises(MissingDependencyError, match=r'pip install "wavcube\[openvino\]"'):
        WavCube.from_pretrained(folder, backend="openvino")
    slow = save_one_layer_model(tmp_path / "slow", frame_rate=25)
    monkeypatch.undo()
    if backends.is_installed("onnx"):
        logging.disable(logging.WARNING)
        with pytest.raises(ConfigError, match="50 Hz"):
            WavCube.from_pretrained(slow, backend="onnx")
        logging.disable(logging.NOTSET)
