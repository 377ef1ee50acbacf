"""`train ... --from packaged` was "no such folder", and a start from a model needed its representation named again."""

from pathlib import Path

import pytest

from tests.locations import SPEECH
from tests.training.conftest import recordings, small_settings  # noqa: F401
from tests.training.runs import empty_recipe
from wavcube.errors import CheckpointError
from wavcube.generation.tts.model import FlowMatchingTTS
from wavcube.generation.tts.training.recipe import load_settings
from wavcube.generation.tts.training.run import train_run as train_tts_run
from wavcube.training.init_from import load_encoder
from wavcube.training.run import train_run


def test_stage_2_from_packaged_is_one_clear_sentence(tmp_path: Path, small_settings: list[str]) -> None:  # noqa: F811
    settings = [*small_settings, "init_from=packaged"]
    with pytest.raises(
        CheckpointError, match=r"^packaged: this model has no restorer, which stage 2 needs; start from"
    ):
        train_run("stage2", tmp_path / "run", recipe=empty_recipe(tmp_path), settings=settings)
    assert not (tmp_path / "run").exists()


def test_the_packaged_encoder_can_be_started_from() -> None:
    assert load_encoder("packaged").config.feature_layer == -1


def test_text_to_speech_from_packaged_adopts_its_representation(tmp_path: Path) -> None:
    pytest.importorskip("gruut")
    corpus = f"[{{path: '{SPEECH / 'speech.tsv'}', limit: 3}}]"
    settings = [
        f"data.train={corpus}",
        "data.validation=[]",
        f"data.cache='{tmp_path / 'cache'}'",
        "optimizer.steps=1",
        "optimizer.warmup=0",
        "validation.every=0",
        "samples.every=0",
        "hardware.accelerator=cpu",
        "hardware.devices=1",
    ]
    run = tmp_path / "run"
    assert train_tts_run(run, recipe="tts-finetune", init_from="packaged", settings=settings)
    packaged, tuned = FlowMatchingTTS.from_pretrained("packaged"), FlowMatchingTTS.from_pretrained(run)
    assert load_settings(run / "config.yaml").representation == packaged.config.representation.spec
    assert tuned.config.representation == packaged.config.representation
