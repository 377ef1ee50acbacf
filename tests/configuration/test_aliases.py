"""Recipes, run folders and configurations with the names of wavcube 0.1 load; old and new names are not mixed."""

import json
import logging
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from tests.generation.small import small_flow
from wavcube.codec import WavCube, WavCubeConfig
from wavcube.configuration.aliases import DECODER, TRAINING, TTS_TRAINING, with_new_names
from wavcube.errors import ConfigError
from wavcube.features import build_feature_extractor
from wavcube.generation.tts import FlowMatchingTTS
from wavcube.generation.tts.training.recipe import read_recipe as read_tts_recipe
from wavcube.training.config import TrainConfig
from wavcube.training.recipe import load_config, read_recipe
from wavcube.understanding.results import Result

RECIPE = """
start: random
model:
  decoder: {coarse_dim: 64, vocoder: {window_back: 4, window_ahead: 2}}
data: {sources: [{path: a.tsv}]}
validation_data: {sources: [{path: b.tsv}]}
optimizer: {freeze_front_end: true}
validation: {judged_clips: 3}
run: {stop_after_bad: 7}
stage1:
  losses: {gan_from: 260, discriminator_lead: 10, heard: 0.5, mel: 2.0}
stage2:
  start: runs/one
"""


def test_an_old_recipe_means_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "old.yaml").write_text(RECIPE)
    with caplog.at_level(logging.WARNING):
        config = read_recipe("stage1", tmp_path / "old.yaml", ["losses.discriminator_lead=20"])
    assert config.init_from == "random"
    assert config.model.freeze_feature_encoder
    assert config.model.decoder == {"vocoder_input_dim": 64, "vocoder": {"left_context": 4, "right_context": 2}}
    assert (config.discriminator.adversarial_start_step, config.discriminator.pretraining_steps) == (260, 20)
    assert (config.losses.encoder_feature, config.losses.mel) == (0.5, 2.0)
    assert (config.validation.metric_clips, config.run.stop_after_nonfinite) == (3, 7)
    assert read_recipe("stage2", tmp_path / "old.yaml").init_from == "runs/one"
    [line] = [record.getMessage() for record in caplog.records if "section stage1" in record.getMessage()][:1]
    assert "losses.gan_from is now discriminator.adversarial_start_step" in line


def test_a_recipe_in_new_words_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    read_recipe("stage2", "nano")
    read_tts_recipe("tts-nano")
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("start: a\ninit_from: b", ("start", "init_from")),
        ("losses: {gan_from: 1}\ndiscriminator: {adversarial_start_step: 2}", ("gan_from", "adversarial_start_step")),
        ("stage1: {losses: {heard: 1, encoder_feature: 2}}", ("heard", "encoder_feature")),
    ],
)
def test_old_and_new_names_of_one_setting_are_refused(tmp_path: Path, text: str, names: tuple[str, str]) -> None:
    (tmp_path / "mixed.yaml").write_text(text)
    with pytest.raises(ConfigError, match=rf"mixed\.yaml.*{names[0]} and .*{names[1]} are the old and the new name"):
        read_recipe("stage1", tmp_path / "mixed.yaml")


def test_settings_are_not_mixed_either() -> None:
    with pytest.raises(ConfigError, match="start and init_from are the old and the new name of one setting"):
        read_recipe("stage1", "debug", ["start=a", "init_from=b"])
    assert read_recipe("stage1", "debug", ["start=a"]).init_from == "a"


def test_what_is_of_the_wrong_shape_keeps_its_own_error(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("losses: {gan_from: 5}\ndiscriminator: 3")
    with pytest.raises(ConfigError, match=r"wrong\.yaml.*(losses\.gan_from|discriminator)"):
        read_recipe("stage1", tmp_path / "wrong.yaml")


def test_an_old_run_folder_goes_on(tmp_path: Path) -> None:
    new = read_recipe("stage1", "debug")
    path = tmp_path / "config.yaml"
    values = {"task": "stage1", "start": "random", "data": {"sources": [{"path": "a"}]}}
    values |= {
        "validation_data": {"sources": [{"path": "b"}]},
        "losses": {"gan_from": 12},
        "run": {"stop_after_bad": 3},
    }
    path.write_text(yaml.safe_dump(values))
    config = load_config(path)
    assert isinstance(config, TrainConfig)
    assert (config.discriminator.adversarial_start_step, config.run.stop_after_nonfinite) == (12, 3)
    assert new.discriminator.adversarial_start_step == 260


def test_an_old_text_to_speech_recipe_means_the_same(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text(
        "start: runs/tts\nmodel: {preset: tiny, front_end: lowercase, transformer: {placement: timed}}\n"
        "data: {train: [{path: a.tsv}], validation: [{path: b.tsv}]}\n"
        "samples: {evaluations: 8, recogniser: 'whisper:base'}\nrun: {stop_after_bad: 4}\n"
    )
    config = read_tts_recipe(tmp_path / "old.yaml")
    assert (config.init_from, config.model.text_frontend) == ("runs/tts", "lowercase")
    assert config.model.transformer == {"text_alignment": "duration"}
    assert (config.samples.nfe, config.samples.asr, config.run.stop_after_nonfinite) == (8, "whisper:base", 4)


def test_an_old_model_folder_loads(tmp_path: Path) -> None:
    model = WavCube(WavCubeConfig.preset("tiny"))
    model.save_pretrained(tmp_path)
    text = (tmp_path / "config.json").read_text()
    for old, new in DECODER.items():
        text = text.replace(f'"{new.rpartition(".")[2]}"', f'"{old.rpartition(".")[2]}"')
    (tmp_path / "config.json").write_text(text)
    weights = load_file(tmp_path / "model.safetensors")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt", "identity": "0123456789abcdef"})
    loaded = WavCube.from_pretrained(tmp_path)
    assert loaded.config == model.config
    assert loaded.identity == "0123456789abcdef"


def test_an_old_text_to_speech_folder_loads(tmp_path: Path) -> None:
    model = small_flow(text_alignment="duration")
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["transformer"]["placement"] = {"duration": "timed"}[config["transformer"].pop("text_alignment")]
    config["representation"]["identity"] = config["representation"].pop("fingerprint")
    config["front_end"], config["symbols"] = config.pop("text_frontend"), config.pop("tokens")
    (tmp_path / "config.json").write_text(json.dumps(config))
    weights = load_file(tmp_path / "model.safetensors")
    weights["deviation"], weights["timing.effects"] = weights.pop("std"), weights.pop("duration_predictor.effects")
    save_file(weights, tmp_path / "model.safetensors")
    loaded = FlowMatchingTTS.from_pretrained(tmp_path)
    assert loaded.config == model.config
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in model.state_dict().items())


def test_an_old_probe_result_is_read(tmp_path: Path) -> None:
    old = {
        "task": "ks",
        "representation": "A",
        "model": "a",
        "identity": "x",
        "dim": 2,
        "layers": 1,
        "frame_rate": 50.0,
    }
    old |= {"figures": {"accuracy": {"value": 2.0, "low": 1.0, "high": 3.0}}, "dev": {}, "learning_rates": {}}
    old |= {"recipe": {}, "seed": 0, "data": "d", "official": True, "items": {}, "seconds": {}}
    (tmp_path / "result.json").write_text(json.dumps(old))
    result = Result.load(tmp_path / "result.json")
    assert (result.fingerprint, result.metrics["accuracy"].value) == ("x", 2.0)


def test_the_old_kind_of_a_representation_is_understood(caplog: pytest.LogCaptureFixture) -> None:
    old, new = build_feature_extractor("stacked:2:logmel"), build_feature_extractor("frame_stacking:2:logmel")
    assert old.fingerprint == new.fingerprint == "stacked-2-logmel-80-400-160-1"
    assert "representation stacked:2:logmel is now frame_stacking:2:logmel" in caplog.text


@pytest.mark.parametrize("names", [TRAINING, TTS_TRAINING])
def test_values_given_are_not_changed(names: dict[str, str]) -> None:
    given = {"start": "a", "run": {"stop_after_bad": 1}}
    with_new_names(given, names, "here", warn=False)
    assert given == {"start": "a", "run": {"stop_after_bad": 1}}
