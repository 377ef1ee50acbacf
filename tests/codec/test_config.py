"""The configuration: what is written is what is read, and every fault is an error that names it."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from tests.codec.small import ENCODERS, small_config
from wavcube.codec import BottleneckConfig, EncoderConfig, WavCube, WavCubeConfig
from wavcube.codec.config import DecoderConfig, VocoderConfig
from wavcube.errors import ConfigError


@pytest.mark.parametrize("preset", ["full", "tiny"])
def test_presets_survive_a_file(tmp_path: Path, preset: str) -> None:
    config = WavCubeConfig.preset(preset)
    config.save(tmp_path / "config.json")
    assert WavCubeConfig.load(tmp_path / "config.json") == config


@pytest.mark.parametrize("encoder", ENCODERS)
def test_other_configurations_survive_a_file(tmp_path: Path, encoder: str) -> None:
    config = dataclasses.replace(small_config(encoder, kind="sigma-vae", frame_rate=25, sigma=0.25), stage=1)
    config.save(tmp_path / "config.json")
    assert WavCubeConfig.load(tmp_path / "config.json") == config


def test_the_full_size_is_the_papers() -> None:
    config = WavCubeConfig.preset("full")
    assert (config.encoder.width, config.encoder.layers, config.bottleneck.latent_dim) == (1024, 24, 128)
    assert (config.decoder.width, config.decoder.layers, config.decoder.vocoder.layers) == (1024, 24, 16)
    assert config.encoder.receptive_field == 400
    assert config.encoder.last_layer


def test_keys_left_out_take_their_defaults() -> None:
    assert WavCubeConfig.from_dict({}) == WavCubeConfig()
    assert WavCubeConfig.from_dict({"bottleneck": {"latent_dim": 64}}).bottleneck == BottleneckConfig(latent_dim=64)
    assert WavCubeConfig.from_dict({"bottleneck": {"sigma": 1}}).bottleneck.sigma == 1.0


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"colour": 1}, "colour"),
        ({"encoder": {"colour": 1}}, r"encoder\.colour"),
        ({"decoder": {"vocoder": {"colour": 1}}}, r"decoder\.vocoder\.colour"),
        ({"encoder": 3}, "encoder"),
        ({"encoder": {"width": "64"}}, r"encoder\.width"),
        ({"encoder": {"width": 64.0}}, r"encoder\.width"),
        ({"encoder": {"width": True}}, r"encoder\.width"),
        ({"encoder": {"width": None}}, r"encoder\.width"),
        ({"encoder": {"pre_norm": 1}}, r"encoder\.pre_norm"),
        ({"encoder": {"family": "conformer"}}, r"encoder\.family.*conformer"),
        ({"encoder": {"family": "whisper"}}, "normalize_waveform"),
        ({"encoder": {"conv_kernels": 3}}, r"encoder\.conv_kernels"),
        ({"encoder": {"conv_kernels": [10, "3"]}}, r"encoder\.conv_kernels"),
        ({"encoder": {"layer_norm_eps": "small"}}, r"encoder\.layer_norm_eps"),
        ({"bottleneck": {"kind": "vq"}}, r"bottleneck\.kind.*vq"),
        ({"bottleneck": {"frame_rate": 40}}, r"bottleneck\.frame_rate"),
        ({"bottleneck": {"frame_rate": 50.0}}, r"bottleneck\.frame_rate"),
        ({"stage": 3}, "stage"),
        ({"stage": True}, "stage"),
    ],
)
def test_unknown_keys_and_wrong_types_are_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        WavCubeConfig.from_dict(values)


@pytest.mark.parametrize(
    ("kind", "values", "named"),
    [
        (EncoderConfig, {"width": 0}, "width"),
        (EncoderConfig, {"layers": 0}, "layers"),
        (EncoderConfig, {"heads": -1}, "heads"),
        (EncoderConfig, {"heads": 7}, "heads"),
        (EncoderConfig, {"feed_forward": 0}, "feed_forward"),
        (EncoderConfig, {"conv_channels": (512,) * 6}, "conv_channels"),
        (EncoderConfig, {"conv_channels": (512,) * 6 + (0,)}, "conv_channels"),
        (EncoderConfig, {"conv_kernels": (10, 3, 3, 3, 3, 2, 0)}, "conv_kernels"),
        (EncoderConfig, {"conv_strides": (4, 2, 2, 2, 2, 2, 2)}, "256"),
        (EncoderConfig, {"conv_channels": (), "conv_kernels": (), "conv_strides": ()}, "conv_strides"),
        (EncoderConfig, {"position_kernel": 0}, "position_kernel"),
        (EncoderConfig, {"position_groups": 0}, "position_groups"),
        (EncoderConfig, {"position_groups": 100}, "position_groups"),
        (EncoderConfig, {"position_layers": 0}, "position_layers"),
        (EncoderConfig, {"relative_buckets": 2}, "relative_buckets"),
        (EncoderConfig, {"relative_max_distance": 80}, "relative_max_distance"),
        (EncoderConfig, {"layer_norm_eps": 0.0}, "layer_norm_eps"),
        (EncoderConfig, {"layer_norm_eps": float("nan")}, "layer_norm_eps"),
        (EncoderConfig, {"hidden_dropout": 1.5}, "hidden_dropout"),
        (EncoderConfig, {"feature_layer": 0}, "feature_layer"),
        (EncoderConfig, {"feature_layer": 25}, "feature_layer"),
        (EncoderConfig, {"feature_layer": -2}, "feature_layer"),
        (BottleneckConfig, {"latent_dim": 0}, "latent_dim"),
        (BottleneckConfig, {"layers": -1}, "layers"),
        (BottleneckConfig, {"sigma": -0.1}, "sigma"),
        (BottleneckConfig, {"sigma": float("inf")}, "sigma"),
        (DecoderConfig, {"width": 0}, "width"),
        (DecoderConfig, {"heads": 0}, "heads"),
        (DecoderConfig, {"width": 24, "heads": 8}, "even"),
        (DecoderConfig, {"layers": -1}, "layers"),
        (DecoderConfig, {"feed_forward": 0}, "feed_forward"),
        (DecoderConfig, {"vocoder_input_dim": 0}, "vocoder_input_dim"),
        (DecoderConfig, {"rope_theta": 0.0}, "rope_theta"),
        (VocoderConfig, {"width": 0}, "width"),
        (VocoderConfig, {"heads": 0}, "heads"),
        (VocoderConfig, {"width": 24, "heads": 8}, "even"),
        (VocoderConfig, {"layers": -1}, "layers"),
        (VocoderConfig, {"feed_forward": -5}, "feed_forward"),
        (VocoderConfig, {"hop_length": 80}, "hop_length"),
        (VocoderConfig, {"n_fft": 600}, "n_fft"),
        (VocoderConfig, {"n_fft": 160}, "n_fft"),
        (VocoderConfig, {"n_fft": 0}, "n_fft"),
        (VocoderConfig, {"left_context": -1}, "window"),
        (WavCubeConfig, {"stage": 1, "teacher": True}, "teacher"),
    ],
)
def test_impossible_values_are_named(kind: type, values: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        kind(**values)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "not a readable"),
        ("{", "not a readable"),
        ("[]", "not a wavcube configuration"),
        ('{"model_type": "wavlm"}', "not a wavcube configuration"),
        ('{"format": "wavcube-2"}', "not a wavcube configuration"),
        ('{"format": "wavcube-1", "colour": 1}', "colour"),
        ('{"format": "wavcube-1", "bottleneck": {"latent_dim": 0}}', "latent_dim"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=named) as caught:
        WavCubeConfig.load(path)
    assert str(path) in str(caught.value)


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.json"):
        WavCubeConfig.load(tmp_path / "absent.json")
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match=r"config\.json"):
        WavCubeConfig.load(tmp_path / "config.json")


def test_a_preset_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'huge'.*full, tiny"):
        WavCubeConfig.preset("huge")


def test_the_file_is_plain_json() -> None:
    values = WavCubeConfig.preset("full").to_dict()
    assert json.loads(json.dumps(values))["encoder"]["conv_kernels"] == [10, 3, 3, 3, 3, 2, 2]
    assert values["format"] == "wavcube-1"


@pytest.mark.parametrize("stage", [1, 2])
def test_parts_of_the_model_follow_the_configuration(stage: int) -> None:
    tiny = WavCubeConfig.preset("tiny")
    for restorer in (False, True):
        for teacher in (False, True)[:stage]:
            model = WavCube(dataclasses.replace(tiny, stage=stage, restorer=restorer, teacher=teacher))
            assert (model.restorer is not None) == restorer
            assert (model.teacher is not None) == teacher
