"""`wavcube tts --prompt voice.wav -o voice.wav` replaced the recording of the voice."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.test_tts import PROMPT


@pytest.mark.parametrize("name", ["voice.flac", "../{}/voice.flac", "link.flac"])
def test_the_prompt_is_not_replaced(wavcube: Command, tmp_path: Path, name: str) -> None:
    voice = tmp_path / "voice.flac"
    voice.write_bytes(PROMPT.read_bytes())
    (tmp_path / "link.flac").symlink_to(voice)
    outcome = wavcube("tts", "Hello.", "-p", voice, "-o", tmp_path / name.format(tmp_path.name), "--nfe", 2)
    assert outcome.code == 1
    assert "is the prompt itself; give another name" in outcome.err
    assert voice.read_bytes() == PROMPT.read_bytes()
