"""Exported graphs give torch's numbers at any length, through the same interface."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.codec.small import W2V_BERT, moved, signal
from tests.codec.source_filter.test_decoder import small_model as source_filter_model
from wavcube.codec import Chunking, WavCube, WavCubeConfig
from wavcube.codec.inference.export import VocoderGraph, export
from wavcube.errors import CheckpointError, ConfigError

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")


def small_model(frame_rate: int = 50) -> WavCube:
    """One layer of each kind: exporting takes time in proportion to the layers."""
    values = WavCubeConfig.preset("tiny").to_dict()
    values["encoder"]["layers"] = values["bottleneck"]["layers"] = 1
    values["decoder"]["layers"] = values["decoder"]["vocoder"]["layers"] = 1
    values["bottleneck"]["frame_rate"] = frame_rate
    torch.manual_seed(0)
    model = WavCube(WavCubeConfig.from_dict(values))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[WavCube, Path]:
    folder = tmp_path_factory.mktemp("export")
    small_model().save_pretrained(folder / "torch")
    model = WavCube.from_pretrained(folder / "torch")
    model.latent_mean, model.latent_std = torch.ones(16), torch.full((16,), 2.0)
    assert max(export(model, folder / "onnx", "onnx").values()) < 1e-5
    return model, folder / "onnx"


def distance(values: Tensor, reference: Tensor) -> float:
    return float((values - reference).norm() / reference.norm())


def test_the_inverse_stft_as_a_convolution_equals_the_plain_one() -> None:
    model = small_model()
    vocoder_input = torch.randn(1, 70, model.config.decoder.vocoder_input_dim)
    with torch.no_grad():
        assert distance(VocoderGraph(model.decoder)(vocoder_input), model.decoder.vocoder(vocoder_input)) < 1e-5


def test_a_batch_of_unequal_clips_equals_torch(exported: tuple[WavCube, Path]) -> None:
    model, folder = exported
    graphs = WavCube.from_pretrained(folder)
    assert graphs.identity == model.identity
    assert graphs.latent_std is not None
    assert graphs.latent_std.tolist() == [2.0] * 16
    clips = [0.1 * torch.randn(n) for n in (400, 16_000, 21_321)]
    latents = model.encode(clips, 16_000)
    again = graphs.encode(clips, 16_000)
    assert torch.equal(again.lengths, latents.lengths)
    for i in range(len(clips)):
        assert distance(again.item(i).values, latents.item(i).values) < 1e-5
    assert distance(graphs.decode(latents), model.decode(latents)) < 1e-5


@pytest.mark.long
def test_a_whisper_with_features_of_two_layers_equals_torch(tmp_path: Path) -> None:
    values = small_model().config.to_dict()
    two = {"feature_layers": [0, -1], "feature_mix": "weighted"}
    values["encoder"] |= {"family": "whisper", "normalize_waveform": False, **two}
    model = moved(WavCube(WavCubeConfig.from_dict(values)))
    assert max(export(model, tmp_path, "onnx").values()) < 1e-5


@pytest.mark.long
def test_a_w2v_bert_equals_torch_also_in_chunks(tmp_path: Path) -> None:
    """The log-mel and its normalisation over the recording are outside the graph."""
    values = small_model().config.to_dict()
    values["encoder"] |= {"family": "wav2vec2-bert", **W2V_BERT}
    model = moved(WavCube(WavCubeConfig.from_dict(values)))
    assert max(export(model, tmp_path / "onnx", "onnx").values()) < 1e-5
    graphs = WavCube.from_pretrained(tmp_path / "onnx")
    clips = [signal(n, seed) for seed, n in enumerate((400, 16_000, 21_321, 70_000))]
    clips[3][:30_000] *= 0.1
    model.chunking = graphs.chunking = Chunking(above=2, chunk=2, context=0.5)
    latents, again = model.encode(clips, 16_000), graphs.encode(clips, 16_000)
    assert torch.equal(again.lengths, latents.lengths)
    for i in range(len(clips)):
        assert distance(again.item(i).values, latents.item(i).values) < 1e-4
    values["encoder"] |= {"mel_features": True}
    with pytest.raises(ConfigError, match="mel_features"):
        export(WavCube(WavCubeConfig.from_dict(values)), tmp_path / "both", "onnx")


@pytest.mark.long
def test_a_source_filter_model_equals_torch(tmp_path: Path) -> None:
    model = source_filter_model()
    assert max(export(model, tmp_path / "onnx", "onnx").values()) < 1e-5
    assert not (tmp_path / "onnx" / "vocoder.onnx").exists()
    graphs = WavCube.from_pretrained(tmp_path / "onnx")
    clips = [signal(n, seed) for seed, n in enumerate((400, 16_000, 21_321))]
    latents = model.encode(clips, 16_000)
    again = graphs.encode(clips, 16_000)
    assert torch.equal(again.lengths, latents.lengths)
    for i in range(len(clips)):
        assert distance(again.item(i).values, latents.item(i).values) < 1e-4
    # The phase of the pulses sums F0 up, so that rounding grows with the duration.
    assert distance(graphs.decode(latents), model.decode(latents)) < 1e-3
    model.chunking = graphs.chunking = Chunking(above=1.2, chunk=1.0)
    assert distance(graphs.decode(latents), model.decode(latents)) < 1e-3


def test_long_audio_goes_through_in_the_same_chunks(exported: tuple[WavCube, Path]) -> None:
    model, folder = exported
    graphs = WavCube.from_pretrained(folder)
    clip = 0.1 * torch.randn(7 * 16_000)
    model.chunking = graphs.chunking = Chunking(above=4, chunk=3, context=1)
    latents = model.encode(clip, 16_000)
    assert distance(graphs.encode(clip, 16_000).values, latents.values) < 1e-5
    assert distance(graphs.decode(latents), model.decode(latents)) < 1e-5
    model.chunking = Chunking()


def test_faults_are_named(exported: tuple[WavCube, Path], tmp_path: Path) -> None:
    _, folder = exported
    with pytest.raises(CheckpointError, match="cannot be saved"):
        WavCube.from_pretrained(folder).save_pretrained(tmp_path / "again")
    with pytest.raises(ConfigError, match="float16"):
        WavCube.from_pretrained(folder, dtype=torch.float16)
    with pytest.raises(ConfigError, match="50 Hz"):
        export(small_model(frame_rate=25), tmp_path / "slow", "onnx")
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("config.json", "export.json", "parts.safetensors"):
        (broken / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(CheckpointError, match=r"encoder\.onnx is missing"):
        WavCube.from_pretrained(broken)
    (broken / "encoder.onnx").write_bytes(b"not a graph")
    with pytest.raises(CheckpointError, match=r"encoder\.onnx: no graph that can be run"):
        WavCube.from_pretrained(broken)
    (broken / "export.json").write_text(json.dumps({"backend": "onnx"}))
    with pytest.raises(CheckpointError, match="damaged"):
        WavCube.from_pretrained(broken)


@pytest.mark.slow
def test_openvino_equals_torch(exported: tuple[WavCube, Path], tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    model, _ = exported
    assert max(export(model, tmp_path / "openvino", "openvino").values()) < 1e-5
    clip = 0.1 * torch.randn(12_345)
    latents = model.encode(clip, 16_000)
    graphs = WavCube.from_pretrained(tmp_path / "openvino")
    assert distance(graphs.encode(clip, 16_000).values, latents.values) < 1e-5
    assert distance(graphs.decode(latents), model.decode(latents)) < 1e-5
    half = WavCube.from_pretrained(tmp_path / "openvino", dtype=torch.bfloat16)
    assert distance(half.encode(clip, 16_000).values, latents.values) < 5e-2
