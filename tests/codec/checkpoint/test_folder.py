"""Checkpoint folders: what is saved is what is loaded, and whatever is wrong with one is said."""

import copy
import dataclasses
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.codec.small import ENCODERS, moved, relative_error, signal, small_config, small_model
from wavcube import WavCube
from wavcube.codec.checkpoint import folder as checkpoint
from wavcube.codec.checkpoint.folder import CONFIG, WEIGHTS
from wavcube.codec.checkpoint.shared_folder import shared_files
from wavcube.errors import CheckpointError, ConfigError, LatentsError, WavCubeError


@pytest.fixture(scope="module")
def model() -> WavCube:
    return small_model()


@pytest.fixture
def folder(model: WavCube, tmp_path: Path) -> Path:
    copy.deepcopy(model).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def rewrite(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


# Round trips


@pytest.mark.parametrize("encoder", ENCODERS)
def test_outputs_are_bit_equal_after_a_round_trip(tmp_path: Path, encoder: str) -> None:
    model = small_model(encoder, kind="vae", frame_rate=25)
    model.save_pretrained(tmp_path)
    loaded = WavCube.from_pretrained(tmp_path)
    assert loaded.config == model.config
    clips = [signal(9_000), signal(5_000)]
    before, after = model.encode(clips, 16_000), loaded.encode(clips, 16_000)
    assert torch.equal(after.values, before.values)
    assert torch.equal(loaded.decode(after), model.decode(before))
    assert torch.equal(loaded.restore(after).values, model.restore(before).values)


def test_a_loaded_model_is_as_a_new_one(folder: Path, model: WavCube) -> None:
    loaded = WavCube.from_pretrained(folder)
    assert set(loaded.state_dict()) == set(model.state_dict())
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in loaded.state_dict().items())
    assert not any(module.training for module in loaded.modules())
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    assert {path.name for path in folder.iterdir()} == {CONFIG, WEIGHTS, *shared_files()}


def test_training_form_and_stage_survive(tmp_path: Path) -> None:
    config = dataclasses.replace(small_config(), teacher=True)
    moved(WavCube(config)).save_pretrained(tmp_path / "two")
    loaded = WavCube.from_pretrained(tmp_path / "two")
    assert loaded.config.stage == 2
    assert loaded.teacher is not None
    assert not any(parameter.requires_grad for parameter in loaded.teacher.parameters())
    assert any(parameter.requires_grad for parameter in loaded.encoder.parameters())
    config = dataclasses.replace(small_config(), stage=1, restorer=False)
    moved(WavCube(config)).save_pretrained(tmp_path / "one")
    loaded = WavCube.from_pretrained(str(tmp_path / "one"))
    assert (loaded.config.stage, loaded.restorer, loaded.teacher) == (1, None, None)


def test_shards(model: WavCube, tmp_path: Path) -> None:
    copy.deepcopy(model).save_pretrained(tmp_path, max_shard_size="500KB")
    shards = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 2
    loaded = WavCube.from_pretrained(tmp_path)
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in loaded.state_dict().items())
    assert loaded.identity == WavCube.from_pretrained(tmp_path).identity is not None
    shards[1].unlink()
    with pytest.raises(CheckpointError, match=rf"{shards[1].name} is missing"):
        WavCube.from_pretrained(tmp_path)


def test_saving_again_leaves_nothing_of_the_old(model: WavCube, tmp_path: Path) -> None:
    """An index of old shards beside new weights would be loaded instead of them."""
    first, second = copy.deepcopy(model), small_model(seed=5)
    first.save_pretrained(tmp_path, max_shard_size="500KB")
    second.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {CONFIG, WEIGHTS, *shared_files()}
    clip = signal(4_000)
    assert torch.equal(
        WavCube.from_pretrained(tmp_path).encode(clip, 16_000).values, second.encode(clip, 16_000).values
    )
    first.save_pretrained(tmp_path, max_shard_size="500KB")
    assert not (tmp_path / "model.safetensors").exists()
    assert torch.equal(WavCube.from_pretrained(tmp_path).encode(clip, 16_000).values, first.encode(clip, 16_000).values)


def test_a_model_can_be_saved_over_the_file_that_it_is_mapped_from(folder: Path) -> None:
    loaded = WavCube.from_pretrained(folder)
    with torch.no_grad():
        for parameter in loaded.parameters():
            parameter *= 1.5
    expected = {key: value.clone() for key, value in loaded.state_dict().items()}
    loaded.save_pretrained(folder)
    again = WavCube.from_pretrained(folder).state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in again.items())


def test_changing_a_loaded_model_leaves_its_file_alone(folder: Path) -> None:
    before = (folder / "model.safetensors").read_bytes()
    loaded = WavCube.from_pretrained(folder)
    with torch.no_grad():
        for parameter in loaded.parameters():
            parameter.zero_()
    assert (folder / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_stored_in_half_precision(model: WavCube, tmp_path: Path, dtype: torch.dtype) -> None:
    """A way to store: computing stays in float32 unless asked for."""
    saved = copy.deepcopy(model)
    saved.save_pretrained(tmp_path, dtype=dtype)
    assert saved.dtype == torch.float32
    assert all(value.dtype == dtype for value in load_file(tmp_path / "model.safetensors").values())
    loaded = WavCube.from_pretrained(tmp_path)
    assert loaded.dtype == torch.float32
    for key, value in loaded.state_dict().items():
        assert torch.equal(value, model.state_dict()[key].to(dtype).float())
    half = WavCube.from_pretrained(tmp_path, dtype=dtype)
    assert half.dtype == dtype
    limit = 0.15 if dtype == torch.bfloat16 else 0.02
    clip = signal(5_000)
    assert relative_error(half.encode(clip, 16_000).values, model.encode(clip, 16_000).values) < limit


def test_statistics_of_the_latent(model: WavCube, tmp_path: Path) -> None:
    known = copy.deepcopy(model)
    known.latent_mean, known.latent_std = torch.linspace(-1, 1, 16), torch.linspace(0.5, 2, 16)
    known.save_pretrained(tmp_path)
    loaded = WavCube.from_pretrained(tmp_path)
    assert loaded.latent_mean is not None
    assert loaded.latent_std is not None
    assert torch.equal(loaded.latent_mean, known.latent_mean)
    assert torch.equal(loaded.latent_std, known.latent_std)
    weights = load_file(tmp_path / "model.safetensors")
    rewrite(tmp_path, {**weights, "latent_mean": torch.zeros(128)})
    with pytest.raises(CheckpointError, match=r"latent_mean is \[128\], not \[16\]"):
        WavCube.from_pretrained(tmp_path)
    weights.pop("latent_std")
    rewrite(tmp_path, weights)
    with pytest.raises(CheckpointError, match=r"1 tensors missing \(latent_std\)"):
        WavCube.from_pretrained(tmp_path)


# Identity of the latent space


def test_the_identity_is_kept_as_long_as_the_latent_space_is(model: WavCube, tmp_path: Path) -> None:
    first = copy.deepcopy(model)
    identity = first.identity
    first.save_pretrained(tmp_path / "a")
    assert first.identity == identity
    loaded = WavCube.from_pretrained(tmp_path / "a")
    assert loaded.identity == identity
    # A new decoder reads the same latents; statistics and the restorer are no part of the space.
    with torch.no_grad():
        loaded.decoder.input.weight += 1
        assert loaded.restorer is not None
        loaded.restorer.projection[0].weight += 1
    loaded.latent_mean, loaded.latent_std = torch.zeros(16), torch.ones(16)
    loaded.save_pretrained(tmp_path / "b")
    assert WavCube.from_pretrained(tmp_path / "b").identity == identity
    # Stored in half precision, the weights change a little and their meaning does not.
    loaded.save_pretrained(tmp_path / "c", dtype=torch.bfloat16, max_shard_size="500KB")
    half = WavCube.from_pretrained(tmp_path / "c")
    assert half.identity == identity
    half.save_pretrained(tmp_path / "d")
    assert WavCube.from_pretrained(tmp_path / "d").identity == identity
    assert WavCube.from_pretrained(tmp_path / "a", dtype=torch.bfloat16).identity == identity


@pytest.mark.parametrize("part", ["encoder.encoder.layers.2.feed_forward.output_dense.weight", "compressor.mean.bias"])
def test_a_changed_latent_space_has_another_identity(tmp_path: Path, part: str) -> None:
    model = small_model(kind="vae")
    model.save_pretrained(tmp_path / "a")
    loaded = WavCube.from_pretrained(tmp_path / "a")
    latents = loaded.encode(signal(4_000), 16_000)
    with torch.no_grad():
        loaded.get_parameter(part).add_(0.01)
    loaded.save_pretrained(tmp_path / "b")
    other = WavCube.from_pretrained(tmp_path / "b")
    assert other.identity not in (None, model.identity)
    with pytest.raises(LatentsError, match="another model"):
        other.decode(latents)


def test_weights_without_an_identity_get_one(folder: Path) -> None:
    rewrite(folder, load_file(folder / "model.safetensors"))
    assert WavCube.from_pretrained(folder).identity is not None


# What is wrong


def test_missing_unexpected_and_misshapen_tensors_are_named(folder: Path) -> None:
    whole = load_file(folder / "model.safetensors")
    rewrite(folder, {key: value for key, value in whole.items() if key != "decoder.norm.weight"})
    with pytest.raises(CheckpointError, match=r"1 tensors missing \(decoder\.norm\.weight\)"):
        WavCube.from_pretrained(folder)
    rewrite(folder, {**whole, "decoder.colour": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=r"1 tensors unexpected \(decoder\.colour\)"):
        WavCube.from_pretrained(folder)
    rewrite(folder, {**whole, "decoder.norm.weight": torch.zeros(65)})
    with pytest.raises(CheckpointError, match=r"decoder\.norm\.weight is \[65\], not \[64\]") as caught:
        WavCube.from_pretrained(folder)
    assert str(folder) in str(caught.value)


def test_a_configuration_of_another_size_is_refused(folder: Path) -> None:
    values = json.loads((folder / "config.json").read_text())
    values["bottleneck"]["latent_dim"] = 32
    (folder / "config.json").write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match="of another size"):
        WavCube.from_pretrained(folder)
    values["bottleneck"]["colour"] = 1
    (folder / "config.json").write_text(json.dumps(values))
    with pytest.raises(ConfigError, match=r"config\.json: unknown key bottleneck\.colour"):
        WavCube.from_pretrained(folder)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_half_written_weights_are_refused(folder: Path, share: float) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match=r"model\.safetensors: half-written or damaged"):
        WavCube.from_pretrained(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": 3}}'])
def test_a_damaged_index_is_refused(folder: Path, text: str) -> None:
    (folder / "model.safetensors.index.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"index\.json: damaged"):
        WavCube.from_pretrained(folder)


def test_an_index_leads_nowhere_else(folder: Path) -> None:
    (folder.parent / "other.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../other.safetensors"}}')
    with pytest.raises(CheckpointError, match=r"other\.safetensors is missing"):
        WavCube.from_pretrained(folder)


def test_incomplete_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "config.json").rename(tmp_path / "config.json")
    with pytest.raises(CheckpointError, match=r"it has no config\.json"):
        WavCube.from_pretrained(folder)
    with pytest.raises(CheckpointError, match=r"model\.safetensors is missing"):
        WavCube.from_pretrained(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="not a wavcube checkpoint"):
        WavCube.from_pretrained(tmp_path / "empty")


def test_official_checkpoints_are_sent_to_conversion(tmp_path: Path) -> None:
    (tmp_path / "vocos_checkpoint.ckpt").write_bytes(b"x")
    for name in (tmp_path, tmp_path / "vocos_checkpoint.ckpt"):
        with pytest.raises(CheckpointError, match="wavcube convert"):
            WavCube.from_pretrained(name)


def test_a_file_is_no_folder(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="name its folder"):
        WavCube.from_pretrained(folder / "model.safetensors")


def test_pickled_weights_in_the_folder_are_never_opened(folder: Path) -> None:
    """Only safetensors are; a pickle beside them, or under their name, is not run."""
    marker = folder.parent / "ran"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {marker}",)

    for name in ("pytorch_model.bin", "model.safetensors"):
        (folder / name).write_bytes(pickle.dumps({"a": Trap()}))
    with pytest.raises(CheckpointError, match="damaged"):
        WavCube.from_pretrained(folder)
    assert not marker.exists()


def test_other_transformers_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "wavlm"}')
    with pytest.raises(ConfigError, match="not a wavcube configuration"):
        WavCube.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["absent", "./absent/model", "/absent/model", "~/absent", "a/b/c", "..", Path("a/b")])
def test_a_folder_that_is_not_there(name: str | Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: pytest.fail("downloaded"))
    with pytest.raises(CheckpointError, match=r"no such folder|not a wavcube checkpoint") as caught:
        WavCube.from_pretrained(name)
    assert str(name) in str(caught.value)


def test_without_a_packaged_model_a_name_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checkpoint, "PACKAGED", tmp_path)
    with pytest.raises(CheckpointError, match="name a checkpoint folder or a hub id"):
        WavCube.from_pretrained()


def test_a_device_that_is_not_there_is_refused(folder: Path) -> None:
    for device in ("cuda:99", "abacus"):
        with pytest.raises(WavCubeError, match=device):
            WavCube.from_pretrained(folder, device=device)


# Writing


def test_a_folder_that_cannot_be_written(model: WavCube, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="cannot be written"):
        copy.deepcopy(model).save_pretrained(tmp_path / "file")


def test_an_error_while_writing_leaves_the_old_checkpoint(
    folder: Path, model: WavCube, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(huggingface_hub, "save_torch_state_dict", fail)
    with pytest.raises(CheckpointError, match="the disk is full"):
        small_model(seed=3).save_pretrained(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_files_can_be_read_by_others(folder: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask, path.name


def test_the_identity_is_in_the_file(folder: Path) -> None:
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert file.metadata()["identity"] == WavCube.from_pretrained(folder).identity


@pytest.mark.parametrize("step", range(8))
def test_interrupted_while_writing_a_folder_is_whole_or_refused(
    folder: Path, model: WavCube, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Stopped before each change to the folder in turn: an old or new checkpoint, or none, never a mixture."""
    clip = signal(2_000)
    other = small_model(seed=3)
    left = [step]

    def counted(function: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any, **options: Any) -> None:
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            function(*args, **options)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.os, "replace", counted(os.replace))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        try:
            other.save_pretrained(folder, max_shard_size="1MB")
        except KeyboardInterrupt:
            stopped = True
        else:
            stopped = False
    assert stopped or step >= 7  # config, weights, index go; three shards or more, their index and config come
    try:
        loaded = WavCube.from_pretrained(folder)
    except CheckpointError as error:
        assert stopped
        assert "no config.json" in str(error)  # noqa: PT017
    else:
        made = loaded.encode(clip, 16_000).values
        assert any(torch.equal(made, maker.encode(clip, 16_000).values) for maker in (model, other))
        assert stopped == torch.equal(made, model.encode(clip, 16_000).values)
