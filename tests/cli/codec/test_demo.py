from pathlib import Path

import pytest

from tests.cli.conftest import Command
from wavcube.audio.io import audio_info, load_audio
from wavcube.latents import Latents


def test_the_demo_says_what_it_did(
    wavcube: Command, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = wavcube("demo", "--model", model)
    assert outcome.code == 0, outcome.err
    assert "[1, 252, 16], 50 frames a second" in outcome.out
    assert "untrained" not in outcome.out
    for name in ("original.wav", "decoded.wav"):
        assert audio_info(tmp_path / "demo-output" / name).frames == 80_801
        assert f"demo-output/{name}" in outcome.out
    assert Latents.load(tmp_path / "demo-output" / "demo.safetensors").lengths.tolist() == [252]


def test_an_untrained_model_is_called_so(wavcube: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wavcube.codec.checkpoint.folder.PACKAGED", tmp_path / "absent")
    outcome = wavcube("demo", "-o", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert "untrained" in outcome.out
    again = wavcube("demo", "-o", tmp_path / "again")
    assert again.code == 0
    first, second = (load_audio(tmp_path / folder / "decoded.wav") for folder in ("out", "again"))
    assert (first == second).all()
