from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.generation.separation.small import small_separator
from tests.locations import SPEECH
from wavcube.audio.io import audio_info
from wavcube.codec import WavCube

RECORDING = SPEECH / "p287_002.flac"


@pytest.fixture
def separator(model: Path, tmp_path: Path) -> Path:
    codec = WavCube.from_pretrained(model)
    small_separator(codec, f"wavcube:{model}").save_pretrained(tmp_path / "separator")
    return tmp_path / "separator"


def test_a_recording_becomes_two_and_is_not_made_twice(wavcube: Command, separator: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = wavcube("separate", RECORDING, "-o", out, "-m", separator)
    assert done.code == 0, done.err
    for name in ("talker1", "talker2"):
        found = audio_info(out / RECORDING.stem / f"{name}.wav").seconds
        assert found == pytest.approx(audio_info(RECORDING).seconds, abs=1e-4)
    assert "existed already" in wavcube("separate", RECORDING, "-o", out, "-m", separator).out


def test_one_voice_is_one_file(wavcube: Command, separator: Path, tmp_path: Path) -> None:
    out = tmp_path / "voice.wav"
    refused = wavcube("separate", RECORDING, "-o", out, "-m", separator)
    assert refused.code == 1
    assert "there are two results" in refused.err
    done = wavcube("separate", RECORDING, "-o", out, "-m", separator, "--enroll", RECORDING)
    assert done.code == 0, done.err
    assert out.is_file()
    missing = wavcube("separate", RECORDING, "-o", tmp_path / "x.wav", "-m", separator, "--enroll", tmp_path / "no.wav")
    assert "no such recording of the voice" in missing.err
