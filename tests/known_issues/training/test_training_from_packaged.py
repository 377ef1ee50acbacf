"""`train ... --from packaged` was "no such folder", and a start from a model needed its representation named again."""

from pathlib import Path

import pytest

from tests.locations import SPEECH
from tests.training.conftest import recordings, small_settings  # noqa: F401
from tests.training.runs import empty_recipe
from wavcube import WavCube
from wavcube.errors import CheckpointError
from wavcube.generation.tts.model import FlowMatchingTTS
from wavcube.generation.tts.training.recipe import load_settings
from wavcube.generation.tts.training.run import train_run as train_tts_run
from wavcube.training.init_from import load_encoder
from wavcube.training.run import train_run


def test_stage_2_from_packaged_runs(tmp_path: Path, small_settings: list[str]) -> None:  # noqa: F811
    run = tmp_path / "run"
    assert train_run("stage2", run, recipe=empty_recipe(tmp_path), settings=[*small_settings, "init_from=packaged"])
    tuned, packaged = WavCube.from_pretrained(run), WavCube.from_pretrained()
    assert tuned.config.encoder == packaged.config.encoder
    assert tuned.identity != packaged.identity


def test_the_packaged_encoder_can_be_started_from() -> None:
    features = {"mel_features": True, "pitch_features": True}
    assert load_encoder("packaged", features).config.family == "whisper"
    with pytest.raises(CheckpointError, match=r"^packaged: its encoder gives layer -1 \+ mel \+ pitch, not layer -1"):
        load_encoder("packaged")


@pytest.mark.long
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
