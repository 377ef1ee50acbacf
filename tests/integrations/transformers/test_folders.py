"""One folder for both loaders: what either writes the other reads, with the name of the latent space."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    AutoModelForAudioTokenization,
    PreTrainedConfig,
)

import wavcube.hf
from tests.codec.small import small_model
from wavcube import WavCube
from wavcube.codec.checkpoint import shared_folder
from wavcube.errors import CheckpointError, ConfigError
from wavcube.hf import WavCubeFeatureExtractor, WavCubeModel, WavCubeModelConfig

FILES = {"config.json", "model.safetensors", "modeling_wavcube.py", "preprocessor_config.json"}


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copied"))


@torch.no_grad()
def encoded(model: WavCubeModel, batch) -> torch.Tensor:
    return model.encode(**batch).latents


def change(folder: Path, **entries) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))


@pytest.mark.parametrize("auto", [AutoModel, AutoModelForAudioTokenization])
def test_the_auto_classes_load_a_wavcube_folder(folder: Path, plain: WavCube, batch, clips, auto) -> None:
    model = auto.from_pretrained(folder)
    assert type(model) is WavCubeModel
    assert torch.equal(encoded(model, batch), plain.encode(clips, 16_000).values)
    assert model.identity == plain.identity
    assert type(AutoConfig.from_pretrained(folder)) is WavCubeModelConfig
    assert AutoConfig.from_pretrained(folder).settings == plain.config
    assert type(AutoFeatureExtractor.from_pretrained(folder)) is WavCubeFeatureExtractor


def test_round_trip_from_transformers(model: WavCubeModel, plain: WavCube, tmp_path: Path, batch, clips) -> None:
    model.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == FILES
    back = WavCube.from_pretrained(tmp_path)
    assert torch.equal(back.encode(clips, 16_000).values, plain.encode(clips, 16_000).values)
    assert back.identity == plain.identity
    again = AutoModel.from_pretrained(tmp_path)
    assert torch.equal(encoded(again, batch), encoded(model, batch))
    # Extractor and configuration write the same files by themselves.
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    AutoFeatureExtractor.from_pretrained(tmp_path).save_pretrained(tmp_path)
    again.config.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert (tmp_path / "modeling_wavcube.py").read_bytes() == before["modeling_wavcube.py"]
    assert WavCube.from_pretrained(tmp_path).identity == plain.identity
    written = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert written == json.loads(before["preprocessor_config.json"])


def test_the_name_survives_storage_in_half_precision_both_ways(plain: WavCube, tmp_path: Path) -> None:
    plain.save_pretrained(tmp_path / "half", dtype="float16")
    loaded = AutoModel.from_pretrained(tmp_path / "half")
    assert loaded.identity == plain.identity
    loaded.save_pretrained(tmp_path / "again")
    loaded.save_pretrained(tmp_path / "trained", state_dict=loaded.state_dict())  # as the Trainer does
    loaded.save_pretrained(tmp_path / "bfloat16", dtype="bfloat16")
    for name in ("again", "trained", "bfloat16"):
        assert WavCube.from_pretrained(tmp_path / name).identity == plain.identity
    with torch.no_grad():
        next(loaded.encoder.parameters()).add_(1.0)
    loaded.save_pretrained(tmp_path / "changed", state_dict=loaded.state_dict())
    assert WavCube.from_pretrained(tmp_path / "changed").identity == loaded.identity != plain.identity


def test_the_name_survives_a_program_that_drops_metadata(copied: Path, plain: WavCube) -> None:
    half = {key: value.half() for key, value in plain.state_dict().items()}
    plain.save_pretrained(copied, dtype="float16")
    save_file(half, copied / "model.safetensors", metadata={"format": "pt"})
    assert WavCube.from_pretrained(copied).identity == AutoModel.from_pretrained(copied).identity == plain.identity
    half["encoder.encoder.layer_norm.bias"] += 1
    save_file(half, copied / "model.safetensors", metadata={"format": "pt"})
    assert WavCube.from_pretrained(copied).identity != plain.identity


def test_float32_is_what_is_computed_in_however_weights_are_stored(plain: WavCube, tmp_path: Path) -> None:
    plain.save_pretrained(tmp_path, dtype="float16")
    assert all(value.dtype == torch.float16 for value in load_file(tmp_path / "model.safetensors").values())
    for options in ({}, {"dtype": "auto"}, {"dtype": None}):
        assert AutoModel.from_pretrained(tmp_path, **options).dtype == torch.float32
    entries = json.loads((tmp_path / "config.json").read_text())
    del entries["dtype"]
    (tmp_path / "config.json").write_text(json.dumps(entries))
    assert AutoModel.from_pretrained(tmp_path).dtype == torch.float32


def test_statistics_and_shards(tmp_path: Path, batch) -> None:
    made = small_model()
    made.register_buffer("latent_mean", torch.arange(16.0))
    made.register_buffer("latent_std", torch.ones(16))
    made.save_pretrained(tmp_path, max_shard_size="500KB", dtype="float16")
    model = AutoModel.from_pretrained(tmp_path)
    assert torch.equal(model.latent_mean, torch.arange(16.0))
    assert model.latent_std.dtype == torch.float32
    model.save_pretrained(tmp_path / "again", max_shard_size="500KB")
    assert WavCube.from_pretrained(tmp_path / "again").latent_mean is not None
    assert WavCube.from_pretrained(tmp_path / "again").identity == made.identity


def test_a_folder_of_an_earlier_version(copied: Path, plain: WavCube, batch, clips) -> None:
    """Without the entries of transformers `WavCubeModel` loads it, and saving it again makes it one for AutoModel."""
    entries = json.loads((copied / "config.json").read_text())
    for key in [*shared_folder.ENTRIES, *shared_folder.NAMES]:
        del entries[key]
    (copied / "config.json").write_text(json.dumps(entries))
    for name in shared_folder.shared_files():
        (copied / name).unlink()
    model = WavCubeModel.from_pretrained(copied)
    assert torch.equal(encoded(model, batch), plain.encode(clips, 16_000).values)
    WavCube.from_pretrained(copied).save_pretrained(copied)
    assert AutoModel.from_pretrained(copied).identity == plain.identity


def test_the_packaged_folder_is_one_for_the_auto_classes(clips, batch, tmp_path: Path) -> None:
    plain, model = WavCube.from_pretrained(), AutoModel.from_pretrained(wavcube.hf.PACKAGED)
    assert type(model) is WavCubeModel
    assert torch.equal(encoded(model, batch), plain.encode(clips, 16_000).values)
    assert type(AutoFeatureExtractor.from_pretrained(wavcube.hf.PACKAGED)) is WavCubeFeatureExtractor
    assert WavCubeModel.from_pretrained().identity == model.identity == plain.identity
    # Nothing is missing of what saving it anew would write.
    plain.save_pretrained(tmp_path, dtype="float16")
    for name in FILES - {"model.safetensors"}:
        there = (wavcube.hf.PACKAGED / name).read_text(encoding="utf-8")
        assert there == (tmp_path / name).read_text(encoding="utf-8")


def test_files_that_do_not_fit_are_refused_by_name(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    key = "compressor.projection.0.weight"
    for changed, message in (
        ({k: v for k, v in weights.items() if k != key}, rf"1 tensors missing \({key}\)"),
        ({**weights, "extra": torch.zeros(1)}, r"1 tensors unexpected \(extra\)"),
        ({**weights, key: torch.zeros(3, 3)}, rf"another size \({key} is \[3, 3\], not"),
    ):
        save_file(changed, copied / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(CheckpointError, match=message):
            AutoModel.from_pretrained(copied)


def test_a_damaged_file_and_a_type_that_does_not_exist_are_one_sentence(copied: Path) -> None:
    for kind in (AutoModel, WavCubeModel):
        with pytest.raises(ConfigError, match="'float13' is no type of torch"):
            kind.from_pretrained(copied, dtype="float13")
    file = copied / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1_000])
    with pytest.raises(CheckpointError, match=r"copied: its weights are half-written or damaged"):
        AutoModel.from_pretrained(copied)


def test_our_reader_knows_the_entries_of_transformers_and_no_others(copied: Path, plain: WavCube) -> None:
    change(copied, transformers_version="5.0.0", id2label={"0": "a"}, _name_or_path="x", torch_dtype="float16")
    assert WavCube.from_pretrained(copied).config == plain.config
    change(copied, transformer_version="5.0.0")
    for load in (WavCube.from_pretrained, AutoModel.from_pretrained):
        with pytest.raises(ConfigError, match="unknown key transformer_version"):
            load(copied)
    known = shared_folder.TRANSFORMERS_KEYS | {"label2id", "num_labels"}
    assert set(PreTrainedConfig(num_labels=2).to_dict()) <= known


def test_saving_does_not_touch_other_models_or_other_ranks(model: WavCubeModel, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "none", is_main_process=False)
    assert not (tmp_path / "none").exists()
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(CheckpointError, match="another program's model"):
        model.save_pretrained(tmp_path)
    with pytest.raises(TypeError, match="has no variant"):
        model.save_pretrained(tmp_path / "new", variant="fp16")


def test_names_in_the_files_are_names_of_the_package() -> None:
    maps = {**shared_folder.AUTO_MAP, **shared_folder.PREPROCESSOR_AUTO_MAP}
    for name in maps.values():
        module, kind = name.split(".")
        assert f"{module}.py" == shared_folder.MODULE
        assert hasattr(wavcube.hf, kind)
        assert kind in shared_folder.shared_files()[shared_folder.MODULE]
    assert shared_folder.ENTRIES["model_type"] == WavCubeModelConfig.model_type


@pytest.mark.long
def test_trust_remote_code_in_a_process_of_its_own(folder: Path, plain: WavCube, clips, tmp_path: Path) -> None:
    """A machine on which nobody has imported wavcube.hf; only the package and transformers are installed."""
    torch.save(plain.encode(clips[:1], 16_000).values, tmp_path / "expected.pt")
    code = f"""
        import sys, torch
        from transformers import AutoConfig, AutoFeatureExtractor, AutoModel
        folder, samples = {str(folder)!r}, {[float(x) for x in clips[0][:4_000]]!r}
        model = AutoModel.from_pretrained(folder, trust_remote_code=True)
        extractor = AutoFeatureExtractor.from_pretrained(folder, trust_remote_code=True)
        with torch.no_grad():
            latents = model.encode(**extractor(samples, sampling_rate=16_000, return_tensors="pt")).latents
        from wavcube import WavCube
        assert torch.equal(latents, WavCube.from_pretrained(folder).encode(torch.tensor(samples), 16_000).values)
        model.save_pretrained({str(tmp_path / "again")!r})
        extractor.save_pretrained({str(tmp_path / "again")!r})
        model.config.save_pretrained({str(tmp_path / "again")!r})
    """
    environment = {**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False, env=environment
    )
    assert result.returncode == 0, result.stderr[-3000:]
    again = tmp_path / "again"
    assert {path.name for path in again.iterdir()} == FILES
    assert (again / "modeling_wavcube.py").read_text() == (folder / "modeling_wavcube.py").read_text()
    assert json.loads((again / "config.json").read_text())["auto_map"] == shared_folder.AUTO_MAP
    assert WavCube.from_pretrained(again).identity == plain.identity
