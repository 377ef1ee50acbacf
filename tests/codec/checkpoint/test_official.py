"""Conversion of official checkpoints: every tensor finds its place, nothing in the file is run, faults are named."""

import argparse
import ast
import collections
import contextlib
import dataclasses
import datetime
import functools
import gzip
import json
import os
import pathlib
import pickle
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

from tests.codec.checkpoint.official_layout import official_checkpoint, official_name, official_state
from tests.codec.small import moved, relative_error, signal, small_config, small_model
from tests.locations import GOLDEN, REPOSITORY
from wavcube import WavCube, WavCubeConfig
from wavcube.codec.checkpoint import official
from wavcube.codec.checkpoint.official import Conversion, convert_official
from wavcube.codec.checkpoint.official_names import MODEL_PREFIXES
from wavcube.errors import CheckpointError, ConfigError, WavCubeError

HEADS = {"decoder_heads": 4, "vocoder_heads": 4}


def stage_model(stage: int, encoder: str = "wavlm", **bottleneck: Any) -> WavCube:
    config = dataclasses.replace(small_config(encoder, **bottleneck), stage=stage, teacher=stage == 2)
    return moved(WavCube(config))


@pytest.fixture(scope="module")
def two() -> WavCube:
    return stage_model(2)


def convert(tmp_path: Path, content: Any, **options: Any) -> tuple[Conversion, WavCube]:
    torch.save(content, tmp_path / "official.ckpt")
    found = convert_official(tmp_path / "official.ckpt", tmp_path / "model", **{**HEADS, **options})
    return found, WavCube.from_pretrained(tmp_path / "model")


def assert_same_outputs(model: WavCube, converted: WavCube) -> None:
    clip = signal(6_000)
    latents = model.encode(clip, 16_000)
    assert torch.equal(converted.encode(clip, 16_000).values, latents.values)
    assert torch.equal(converted.decode(latents.values), model.decode(latents.values))


# What comes out


@pytest.mark.parametrize("stage", [1, 2])
@pytest.mark.parametrize("kind", ["ae", "vae", "sigma-vae"])
def test_a_converted_model_gives_the_same_numbers(tmp_path: Path, stage: int, kind: str) -> None:
    model = stage_model(stage, kind=kind)
    found, converted = convert(tmp_path, official_checkpoint(model))
    assert (found.config.stage, found.config.bottleneck.kind) == (stage, kind)
    assert converted.config == dataclasses.replace(model.config, restorer=False, teacher=False)
    assert_same_outputs(model, converted)


def test_the_student_is_the_encoder_of_stage_2(tmp_path: Path, two: WavCube) -> None:
    """The other copy in the file is the frozen teacher: plausible latents, and wrong ones."""
    _, converted = convert(tmp_path, official_checkpoint(two))
    assert two.teacher is not None
    clip = torch.from_numpy(signal(6_000))[None]
    with torch.no_grad():
        assert torch.equal(converted.encoder(clip)[0], two.encoder(clip)[0])
        assert relative_error(converted.encoder(clip)[0], two.teacher(clip)[0]) > 0.01


@pytest.mark.parametrize("stage", [1, 2])
def test_training_form_keeps_restorer_and_teacher(tmp_path: Path, stage: int) -> None:
    model = stage_model(stage)
    _, converted = convert(tmp_path, official_checkpoint(model), keep_training_modules=True)
    assert converted.config == model.config
    state = converted.state_dict()
    assert set(state) == set(model.state_dict())
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def test_what_is_left_behind_is_counted(tmp_path: Path, two: WavCube) -> None:
    state = official_state(two)
    state |= {"multiperioddisc.discriminators.0.convs.0.bias": torch.zeros(4), "utmos.model.weight": torch.zeros(2, 2)}
    state |= {f"sim_model.layer.{i}.weight": torch.zeros(3) for i in range(5)}
    state["melspec_loss.mel_spec.spectrogram.window"] = torch.zeros(1024)
    state["multiresddisc.discriminators.0.convs.0.weight_g"] = torch.zeros(3)
    found, converted = convert(tmp_path, {"state_dict": state})
    assert found.kept == len(converted.state_dict())
    assert sum(found.dropped.values()) + found.kept == len(state)
    for part, count in {
        "sim_model": 5,
        "utmos": 1,
        "melspec_loss": 1,
        "multiperioddisc": 1,
        "multiresddisc": 1,
    }.items():
        assert found.dropped[part] == count
    for part in ("feature_extractor.model", "feature_extractor.dec_transformer", "backbone.decoder"):
        assert found.dropped[part] > 0
    assert_same_outputs(two, converted)


def test_old_names_of_weight_norm(tmp_path: Path, two: WavCube) -> None:
    """Checkpoints made with an older torch have weight_g and weight_v; the reference skips them silently."""
    state = {
        key.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): value
        for key, value in official_state(two).items()
    }
    assert sum(key.endswith(("weight_g", "weight_v")) for key in state) == 4
    _, converted = convert(tmp_path, {"state_dict": state}, keep_training_modules=True)
    assert_same_outputs(two, converted)
    assert all(torch.equal(value, two.state_dict()[key]) for key, value in converted.state_dict().items())


def test_base_encoders_and_other_bottlenecks(tmp_path: Path) -> None:
    model = moved(WavCube(small_config("wavlm-base", latent_dim=24, layers=2)))
    config = dataclasses.replace(model.config.encoder, normalize_waveform=False)
    found, converted = convert(tmp_path, official_checkpoint(model))
    assert found.config.encoder == config
    assert found.config.bottleneck == model.config.bottleneck
    model.encoder.config = config
    assert_same_outputs(model, converted)


def test_a_bare_state_dict_and_the_old_file_format(tmp_path: Path, two: WavCube) -> None:
    found, converted = convert(tmp_path, official_state(two))
    assert found.config.stage == 2
    assert_same_outputs(two, converted)
    torch.save(official_checkpoint(two), tmp_path / "old.ckpt", _use_new_zipfile_serialization=False)
    convert_official(tmp_path / "old.ckpt", tmp_path / "old", **HEADS)
    assert_same_outputs(two, WavCube.from_pretrained(tmp_path / "old"))


@pytest.mark.parametrize("dtype", [None, torch.float16, torch.bfloat16])
def test_the_type_of_the_written_weights(tmp_path: Path, two: WavCube, dtype: torch.dtype | None) -> None:
    _, converted = convert(tmp_path, official_checkpoint(two), dtype=dtype)
    stored = load_file(tmp_path / "model/model.safetensors")
    assert {value.dtype for value in stored.values()} == {dtype or torch.float32}
    assert converted.dtype == torch.float32


def test_conversion_gives_an_identity_that_saving_keeps(tmp_path: Path, two: WavCube) -> None:
    _, converted = convert(tmp_path, official_checkpoint(two))
    _, training = convert(tmp_path, official_checkpoint(two), keep_training_modules=True, max_shard_size="500KB")
    assert converted.identity == training.identity is not None
    two.save_pretrained(tmp_path / "direct")
    assert WavCube.from_pretrained(tmp_path / "direct").identity == converted.identity


# Names, at the full size


def official_shapes(stage: int) -> dict[str, list[int]]:
    with gzip.open(GOLDEN / f"official_keys_stage{stage}.tsv.gz", "rt") as file:
        return {key: json.loads(shape) for key, shape in (line.rstrip("\n").split("\t") for line in file)}


@pytest.mark.parametrize("stage", [1, 2])
@pytest.mark.parametrize("keep_training_modules", [False, True])
def test_every_official_tensor_has_a_place(
    stage: int, keep_training_modules: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published size on the meta device: every key and shape of the list, through the conversion itself."""
    shapes = official_shapes(stage)
    assert len(shapes) == {1: 1565, 2: 2053}[stage]
    state = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    written: dict[str, Tensor] = {}
    monkeypatch.setattr(official, "_opened", lambda _: contextlib.nullcontext(state))
    monkeypatch.setattr(official, "write_checkpoint", lambda _t, _c, tensors, **_o: written.update(tensors))
    found = convert_official("official.ckpt", tmp_path, keep_training_modules=keep_training_modules)
    assert found.config == WavCubeConfig(
        stage=stage, restorer=keep_training_modules, teacher=keep_training_modules and stage == 2
    )
    with torch.device("meta"):
        model = WavCube(found.config)
    assert {key: value.shape for key, value in written.items()} == {
        key: value.shape for key, value in model.state_dict().items()
    }
    # And the other way round, by the list of names that the tests hold.
    for name, value in model.state_dict().items():
        shape = [*value.shape, 1] if name == "decoder.input.weight" else list(value.shape)
        assert shapes[official_name(name, stage)] == shape, name


def test_our_layout_of_an_official_checkpoint_has_every_official_name() -> None:
    for stage in (1, 2):
        config = WavCubeConfig(stage=stage, restorer=True, teacher=stage == 2)
        with torch.device("meta"):
            state = official_state(WavCube(config))
        expected = {key: shape for key, shape in official_shapes(stage).items() if key.startswith(MODEL_PREFIXES)}
        assert {key: list(value.shape) for key, value in state.items()} == expected


# What is wrong


def test_a_missing_tensor_is_named(tmp_path: Path, two: WavCube) -> None:
    for key, named in {
        "feature_extractor.rep_model.encoder.layers.2.attention.k_proj.bias": r"layers\.2\.attention\.k_proj\.bias",
        "feature_extractor.enc_projection.3.weight": r"compressor\.projection\.3\.weight",
        "backbone.decoder.layers.1.self_attn.k_proj.weight": r"decoder\.layers\.1\.attention\.key\.weight",
        "backbone.upsample_proj.weight": r"backbone\.upsample_proj\.weight is missing",
        "feature_extractor.rep_model.feature_projection.projection.weight": "feature_projection.projection.weight is",
        "backbone.decoder.layers.0.fc1.weight": r"fc1\.weight is missing",
    }.items():
        state = official_state(two)
        state.pop(key)
        with pytest.raises(CheckpointError, match=named) as caught:
            convert(tmp_path, {"state_dict": state})
        assert "official.ckpt" in str(caught.value)
        assert not (tmp_path / "model/config.json").exists()


def test_a_missing_layer_is_named(tmp_path: Path, two: WavCube) -> None:
    state = {key: value for key, value in official_state(two).items() if "rep_model.encoder.layers.1." not in key}
    with pytest.raises(CheckpointError, match=r"encoder\.layers\.1\."):
        convert(tmp_path, {"state_dict": state})


def test_an_encoder_that_lost_its_upper_layers_is_refused(tmp_path: Path, two: WavCube) -> None:
    """Sizes come from the weights, but student and teacher are of one size."""
    state = {key: value for key, value in official_state(two).items() if "rep_model.encoder.layers.3." not in key}
    with pytest.raises(CheckpointError, match="student has 3 layers and the teacher 4"):
        convert(tmp_path, {"state_dict": state})


def test_tensors_of_no_known_part_are_named(tmp_path: Path, two: WavCube) -> None:
    state = official_state(two) | {"feature_extractor.adapter.weight": torch.zeros(2)}
    with pytest.raises(CheckpointError, match=r"1 tensors of no known part, among them feature_extractor\.adapter"):
        convert(tmp_path, {"state_dict": state})


def test_a_tensor_of_another_size_is_named(tmp_path: Path, two: WavCube) -> None:
    state = official_state(two)
    state["backbone.decoder.dconv2.norm.weight"] = torch.zeros(127)
    with pytest.raises(CheckpointError, match=r"decoder\.upsampler\.norm\.weight is \[127\], not \[128\]"):
        convert(tmp_path, {"state_dict": state})


def test_another_stage_is_refused(tmp_path: Path, two: WavCube) -> None:
    with pytest.raises(CheckpointError, match="of stage 2, not of stage 1"):
        convert(tmp_path, official_checkpoint(two), stage=1)
    with pytest.raises(CheckpointError, match="of stage 1, not of stage 2"):
        convert(tmp_path, official_checkpoint(stage_model(1)), stage=2)
    found, _ = convert(tmp_path, official_checkpoint(two), stage=2)
    assert found.config.stage == 2


def test_heads_of_unpublished_sizes_have_to_be_given(tmp_path: Path, two: WavCube) -> None:
    with pytest.raises(ConfigError, match=r"decoder of width 64 .* --decoder-heads"):
        convert(tmp_path, official_checkpoint(two), decoder_heads=None)
    with pytest.raises(ConfigError, match=r"vocoder of width 32 .* --vocoder-heads"):
        convert(tmp_path, official_checkpoint(two), vocoder_heads=None)
    with pytest.raises(ConfigError, match="decoder: width 64 is no multiple of heads 5"):
        convert(tmp_path, official_checkpoint(two), decoder_heads=5)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"state_dict": {}},
        {"state_dict": {"model.weight": torch.zeros(3)}},
        {"state_dict": torch.zeros(3)},
        {"state_dict": None},
        {"state_dict": {"feature_extractor.model.weight": "text"}},
        {1: 2},
        [torch.zeros(3)],
        torch.zeros(3),
        "text",
        None,
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(CheckpointError, match=r"official\.ckpt"):
        convert(tmp_path, content)


def test_other_files_are_refused(tmp_path: Path, two: WavCube) -> None:
    two.save_pretrained(tmp_path / "ours")
    torch.save(official_checkpoint(two), tmp_path / "whole.ckpt")
    whole = (tmp_path / "whole.ckpt").read_bytes()
    files = {
        "empty.ckpt": b"",
        "noise.ckpt": os.urandom(10_000),
        "text.ckpt": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n",
        "half.ckpt": whole[: len(whole) // 2],
        "nearly.ckpt": whole[:-30],
        "beginning.ckpt": whole[:100],
        "zip.ckpt": b"PK\x03\x04" + bytes(200),
        "pickle.ckpt": pickle.dumps({"state_dict": {}}),
        "ours.ckpt": (tmp_path / "ours/model.safetensors").read_bytes(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=name) as caught:
            convert_official(tmp_path / name, tmp_path / "model", **HEADS)
        assert "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match="no such file"):
        convert_official(tmp_path / "absent.ckpt", tmp_path / "model")
    with pytest.raises(CheckpointError, match=r"name the \.ckpt file"):
        convert_official(tmp_path, tmp_path / "model")
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        convert_official(tmp_path / "ours/model.safetensors", tmp_path / "model")


def test_a_pickle_of_damaged_instructions_is_refused(tmp_path: Path, two: WavCube) -> None:
    """Found by chance below: the unpickler fails with an IndexError when its stack is empty."""
    torch.save(official_checkpoint(two), tmp_path / "whole.ckpt")
    with zipfile.ZipFile(tmp_path / "whole.ckpt") as whole, zipfile.ZipFile(tmp_path / "bad.ckpt", "w") as bad:
        for name in whole.namelist():
            content = whole.read(name)
            bad.writestr(name, b"\x80\x02tR." if name.endswith("data.pkl") else content)
    with pytest.raises(CheckpointError, match=r"bad\.ckpt: not a checkpoint that can be read safely"):
        convert_official(tmp_path / "bad.ckpt", tmp_path / "model", **HEADS)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_converted_or_refused(tmp_path: Path, two: WavCube, data: st.DataObject) -> None:
    """Any bytes of the pickle and of the file's directory may be wrong; the answer is never another error."""
    damaged = tmp_path / "damaged.ckpt"
    torch.save(official_checkpoint(two), damaged)
    content = bytearray(damaged.read_bytes())
    pickled = data.draw(st.booleans())
    low, high = (0, 40_000) if pickled else (len(content) - 40_000, len(content) - 1)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(low, high))] = data.draw(st.integers(0, 255))
    damaged.write_bytes(content)
    try:
        convert_official(damaged, tmp_path / "model", **HEADS)
    except WavCubeError as error:
        assert "\n" not in str(error)  # noqa: PT017


# Configurations


def yaml_of(feature_extractor: str, backbone: str) -> str:
    return textwrap.dedent(
        f"""
        seed_everything: 4444
        data:
          class_path: vocos.dataset.VocosDataModule
        model:
          class_path: vocos.experiment.WavCubeExp
          init_args:
            sample_rate: 16000
            feature_extractor:
              class_path: vocos.feature_extractors.WavLMFeatures
              init_args: {{{feature_extractor}}}
            backbone:
              class_path: vocos.models.MiMoBackbone
              init_args: {{{backbone}}}
        """
    )


def test_an_official_yaml_gives_what_weights_do_not_tell(tmp_path: Path, two: WavCube) -> None:
    path = tmp_path / "official.yaml"
    path.write_text(
        yaml_of(
            "model_path: ckpts/wavlm-large, layer_idx: -1, stage: 2, latent_dim: 16",
            "latent_dim: 16, d_model: 64, decoder_attention_heads: 4, decoder_ffn_dim: 128, decoder_layers: 2, "
            "vocoder_attention_heads: 4, vocoder_dim: 32, sampling_rate: 16000, hop_length: 160, nfft: 640",
        )
    )
    none = {"decoder_heads": None, "vocoder_heads": None}
    found, converted = convert(tmp_path, official_checkpoint(two), config=path, **none)
    assert (found.config.decoder.heads, found.config.decoder.vocoder.heads) == (4, 4)
    assert_same_outputs(two, converted)


@pytest.mark.parametrize(
    ("feature_extractor", "backbone", "named"),
    [
        ("latent_dim: 32", "", "latent_dim: 32, the weights say 16"),
        ("stage: 1", "", "stage: 1, the weights say 2"),
        ("use_vae: true", "", "use_vae: True, the weights say False"),
        ("", "d_model: 128", "d_model: 128, the weights say 64"),
        ("", "decoder_layers: 24", "decoder_layers: 24, the weights say 2"),
        ("", "decoder_ffn_dim: 4096", "decoder_ffn_dim: 4096, the weights say 128"),
        ("", "vocoder_num_layers: 16", "vocoder_num_layers: 16, the weights say 3"),
        ("", "vocoder_dim: 256", "vocoder_dim: 256, the weights say 32"),
        ("", "nfft: 1280", "nfft: 1280, the weights say 640"),
        ("", "hop_length: 320", "hop_length: 320"),
        ("", "sampling_rate: 24000", "sampling_rate: 24000"),
        ("layer_idx: 5", "", "layer_idx"),
        ("layer_idx: 0", "", "layer_idx"),
        ("layer_idx: -9", "", "layer_idx"),
        ("layer_idx: last", "", "layer_idx.*last"),
        ("", "decoder_attention_heads: many", "decoder_attention_heads.*many"),
        ("", "vocoder_attention_heads: 0", "vocoder: heads must be > 0"),
    ],
)
def test_an_official_yaml_that_contradicts_is_refused(
    tmp_path: Path, two: WavCube, feature_extractor: str, backbone: str, named: str
) -> None:
    path = tmp_path / "official.yaml"
    path.write_text(yaml_of(feature_extractor, backbone))
    options = {key: heads for key, heads in HEADS.items() if key.replace("_", "_attention_") not in backbone}
    options = dict.fromkeys(HEADS) | options
    with pytest.raises(ConfigError, match=named):
        convert(tmp_path, official_checkpoint(two), config=path, **options)


@pytest.mark.parametrize(("layer_idx", "layer"), [(1, 1), (3, 3), (-2, 3), (-3, 2), (4, -1), (-1, -1)])
def test_layer_idx_is_the_references(tmp_path: Path, layer_idx: int, layer: int) -> None:
    """It indexes the hidden states; all but the last get the extra norm, whose weights the file has in any case."""
    model = moved(WavCube(dataclasses.replace(small_config(), teacher=True)))
    state = official_state(model)
    path = tmp_path / "official.yaml"
    path.write_text(yaml_of(f"layer_idx: {layer_idx}", ""))
    found, converted = convert(tmp_path, {"state_dict": state}, config=path, keep_training_modules=True)
    assert found.config.encoder.feature_layer == layer
    clip = torch.from_numpy(signal(5_000))[None]
    assert model.teacher is not None
    assert converted.teacher is not None
    with torch.no_grad():
        for theirs, ours in ((model.encoder, converted.encoder), (model.teacher, converted.teacher)):
            expected = theirs.hidden_states(clip)[0][layer_idx]
            if layer != -1:
                norm = (state[f"feature_extractor.post_wavlm_layer_norm.{leaf}"] for leaf in ("weight", "bias"))
                expected = torch.nn.functional.layer_norm(expected, (64,), *norm)
            assert relative_error(ours(clip)[0], expected) <= 1e-5


@pytest.mark.parametrize(
    "text",
    ["", "a: [", "model: 3", "model: {init_args: {}}", "[]", "\t\x00", "model: {init_args: {feature_extractor: x}}"],
)
def test_other_yaml_files_are_refused(tmp_path: Path, two: WavCube, text: str) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"other\.yaml"):
        convert(tmp_path, official_checkpoint(two), config=path)
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        convert(tmp_path, official_checkpoint(two), config=tmp_path / "absent.yaml")


def test_our_own_configuration_beside_official_weights(tmp_path: Path) -> None:
    """It can say what an official file never does: 25 Hz."""
    model = stage_model(2, frame_rate=25)
    model.config.save(tmp_path / "config.json")
    found, converted = convert(tmp_path, official_checkpoint(model), config=tmp_path / "config.json")
    assert found.config.bottleneck.frame_rate == 25
    assert_same_outputs(model, converted)
    stage_model(2, latent_dim=32).config.save(tmp_path / "config.json")
    with pytest.raises(CheckpointError, match="of another size"):
        convert(tmp_path, official_checkpoint(model), config=tmp_path / "config.json")


def test_our_own_configuration_of_another_stage_is_refused(tmp_path: Path, two: WavCube) -> None:
    one = stage_model(1)
    one.config.save(tmp_path / "one.json")
    two.config.save(tmp_path / "two.json")
    with pytest.raises(ConfigError, match="stage"):
        convert(tmp_path, official_checkpoint(two), config=tmp_path / "one.json")
    with pytest.raises(ConfigError, match="stage"):
        convert(tmp_path, official_checkpoint(one), config=tmp_path / "two.json")


# Safety


class Foreign:
    """An object of a class that the converter does not know."""

    def __init__(self, value: object) -> None:
        self.value = value


class ForeignWithSlots:
    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


FOREIGN = {
    "path": pathlib.PurePosixPath("/a/b"),
    "namespace": argparse.Namespace(a=1),
    "object": Foreign({"a": torch.zeros(3)}),
    "slots": ForeignWithSlots(3),
    "class": Foreign,
    "function": functools.partial,
    "date": datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC),
    "numpy": np.float64(3.3),
    "array": np.arange(3),
    "ordered": collections.OrderedDict(a=1),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_objects_are_passed_over(tmp_path: Path, two: WavCube, name: str) -> None:
    """Callbacks, hyper-parameters and optimiser states hold all sorts of things; the weights are all we want."""
    content = official_checkpoint(
        two,
        callbacks={"ModelCheckpoint{'monitor': None}": {"best_model_path": FOREIGN[name], "list": [FOREIGN[name]]}},
        optimizer_states=[{"state": {0: {"step": 1, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4}]}],
        lr_schedulers=[{"base_lrs": [1e-4], "last_epoch": 3, "thing": FOREIGN[name]}],
    )
    _, converted = convert(tmp_path, content)
    assert_same_outputs(two, converted)


class Trap:
    """A pickle of this runs a command when it is loaded by an unsafe reader."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.function, self.arguments


@pytest.mark.parametrize("place", ["state_dict", "tensor", "callbacks"])
@pytest.mark.parametrize("kind", ["system", "call", "exec", "write"])
def test_nothing_in_the_file_is_run(tmp_path: Path, two: WavCube, place: str, kind: str) -> None:
    marker = tmp_path / "ran"
    trap = {
        "system": Trap(os.system, f"touch {marker}"),
        "call": Trap(subprocess.call, ["touch", str(marker)]),
        "exec": Trap(exec, f"open({str(marker)!r}, 'w')"),
        "write": Trap(Path.touch, marker),
    }[kind]
    content = official_checkpoint(two)
    if place == "state_dict":
        content["state_dict"] = trap
    elif place == "tensor":
        content["state_dict"]["backbone.upsample_proj.bias"] = trap
    else:
        content["callbacks"] = {"a": trap}
    torch.save(content, tmp_path / "trap.ckpt")
    try:
        convert_official(tmp_path / "trap.ckpt", tmp_path / "model", **HEADS)
        assert place == "callbacks"  # weights are whole, and the trap was passed over as any foreign object is
    except CheckpointError as error:
        assert "trap.ckpt" in str(error)  # noqa: PT017
    assert not marker.exists()
    # The trap works: an unsafe reader falls into it.
    torch.load(tmp_path / "trap.ckpt", weights_only=False)
    assert marker.exists()


def test_os_system_is_refused_even_where_it_would_do_no_harm(tmp_path: Path, two: WavCube) -> None:
    with pytest.raises(CheckpointError, match="not a checkpoint that can be read safely"):
        convert(tmp_path, official_checkpoint(two, callbacks=Trap(os.system, "true")))


def test_every_torch_load_is_weights_only() -> None:
    loads = 0
    for path in sorted((REPOSITORY / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "load":
                if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "torch"):
                    continue
                loads += 1
                safe = [word for word in node.keywords if word.arg == "weights_only"]
                assert safe, f"{path}:{node.lineno}"
                assert isinstance(safe[0].value, ast.Constant), f"{path}:{node.lineno}"
                assert safe[0].value.value is True, f"{path}:{node.lineno}"
            if isinstance(node, ast.Attribute):
                assert ast.unparse(node) not in ("pickle.load", "pickle.loads", "pickle.Unpickler"), path
    assert loads > 0


@pytest.mark.slow
def test_memory_of_a_conversion_stays_near_one_copy(tmp_path: Path) -> None:
    """A file of 315 MB; what the process holds beyond its libraries is little more than the file, mapped."""
    config = WavCubeConfig.preset("tiny")
    config = dataclasses.replace(
        config, decoder=dataclasses.replace(config.decoder, width=1024, feed_forward=4096, heads=16, layers=6)
    )
    torch.save(official_checkpoint(WavCube(config)), tmp_path / "big.ckpt")
    size = (tmp_path / "big.ckpt").stat().st_size
    assert size > 300e6
    code = textwrap.dedent(
        f"""
        import resource
        from wavcube import WavCube, WavCubeConfig
        from wavcube.codec.checkpoint.official import convert_official
        WavCube(WavCubeConfig.preset("tiny")).save_pretrained({str(tmp_path / "warm")!r})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        convert_official({str(tmp_path / "big.ckpt")!r}, {str(tmp_path / "big")!r}, decoder_heads=16, vocoder_heads=4)
        print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
        """
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(printed.split()[-1]) < 1.2 * size


def test_converting_again_replaces_what_was_there(tmp_path: Path, two: WavCube) -> None:
    convert(tmp_path, official_checkpoint(small_model(seed=4)), max_shard_size="300KB")
    _, converted = convert(tmp_path, official_checkpoint(two))
    assert_same_outputs(two, converted)
