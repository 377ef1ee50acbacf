"""bfloat16 latents of small models were wrong where the library's narrow grouped convolution is (Intel, AMX)."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.codec.inference.test_kernels import broken_in_half_precision
from wavcube.codec import WavCube, WavCubeConfig
from wavcube.codec.checkpoint.folder import CONFIG, EXPORT_MANIFEST
from wavcube.codec.inference import exported


def test_latents_are_right_where_the_librarys_convolution_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = WavCube(WavCubeConfig.preset("tiny"))
    speech = torch.randn(16_000) * 0.1
    expected = model.encode(speech, 16_000).values
    broken_in_half_precision(monkeypatch)
    found = model.to(torch.bfloat16).encode(speech, 16_000).values.float()
    assert (found - expected).norm() / expected.norm() < 5e-2


@pytest.mark.parametrize(("groups", "encoder"), [(16, torch.float32), (8, torch.bfloat16)])
def test_graphs_with_narrow_groups_run_in_float32(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, groups: int, encoder: torch.dtype
) -> None:
    """OpenVINO has oneDNN's convolutions too: of a graph in bfloat16, the part with narrow groups is not."""
    settings = WavCubeConfig.preset("tiny").to_dict()
    settings["encoder"]["position_groups"] = groups
    config = WavCubeConfig.from_dict(settings)
    config.save(tmp_path / CONFIG)
    norm = WavCube(config).decoder.upsampler.norm.state_dict()
    save_file({f"norm.{name}": value for name, value in norm.items()}, tmp_path / exported.SMALL_PARTS)
    (tmp_path / EXPORT_MANIFEST).write_text(json.dumps({"backend": "openvino", "identity": "none"}))
    types = {}

    def open_session(path: Path, backend: str, dtype: torch.dtype) -> exported.Session:
        types[path.stem] = dtype
        return lambda values: values

    monkeypatch.setattr(exported, "open_session", open_session)
    exported.load_exported(WavCube, tmp_path, torch.bfloat16)
    assert types == {"encoder": encoder, **dict.fromkeys(("compressor", "decoder", "vocoder"), torch.bfloat16)}
