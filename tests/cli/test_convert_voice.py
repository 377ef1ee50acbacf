import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.locations import SPEECH
from wavcube.audio.io import audio_info

SOURCE, TARGET = SPEECH / "p287_002.flac", SPEECH / "LJ001-0013.opus"


def test_one_recording_becomes_one_file_of_a_target(wavcube: Command, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    done = wavcube("convert-voice", SOURCE, "--target", TARGET, "-o", out)
    assert done.code == 0, done.err
    assert audio_info(out).seconds == audio_info(SOURCE).seconds
    assert "existed already" in wavcube("convert-voice", SOURCE, "--target", TARGET, "-o", out).out
    other = wavcube("convert-voice", SOURCE, "--target", TARGET, "--target", SOURCE, "-o", out)
    assert other.code == 1
    assert "--overwrite" in other.err


def test_inputs_and_targets_are_never_overwritten(wavcube: Command, tmp_path: Path) -> None:
    voice = tmp_path / "voice.flac"
    shutil.copy(SOURCE, voice)
    before = voice.read_bytes()
    done = wavcube("convert-voice", SOURCE, "--target", voice, "-o", voice, "--overwrite")
    assert done.code == 1
    assert "is an input itself" in done.err
    assert voice.read_bytes() == before


@pytest.mark.long
def test_conversion_by_flow_needs_the_words(wavcube: Command, tmp_path: Path) -> None:
    pytest.importorskip("gruut")
    out, by_flow = tmp_path / "out.wav", ("--target", TARGET, "-o", tmp_path / "out.wav", "--method", "flow")
    text = ("--text", "Ask her to bring these things with her from the store.")
    for wrong, sentence in (
        ((SOURCE, *by_flow), "either --text"),
        ((SOURCE, *by_flow, *text, "--match", 0), "--match belongs to the other method"),
        (
            (SOURCE, TARGET, "--target", SPEECH / "118-121721-0000.opus", "-o", tmp_path, *by_flow[4:], *text),
            "--text is of one",
        ),
        ((SOURCE, *by_flow[:4], *text), "belong to --method flow"),
    ):
        done = wavcube("convert-voice", *wrong)
        assert done.code == 1
        assert sentence in " ".join(done.err.split())
        assert not out.exists()
    done = wavcube("convert-voice", SOURCE, *by_flow, *text)
    assert done.code == 0, done.err
    assert audio_info(out).seconds == audio_info(SOURCE).seconds
    other = wavcube("convert-voice", SOURCE, *by_flow, "--text", "Ask her.")
    assert other.code == 1
    assert "another command" in " ".join(other.err.split())


def test_what_is_missing_is_named(wavcube: Command, tmp_path: Path) -> None:
    done = wavcube("convert-voice", SOURCE, "--target", tmp_path / "nowhere", "-o", tmp_path / "out.wav")
    assert done.code == 1
    assert "nowhere" in done.err
    assert not (tmp_path / "out.wav").exists()


def test_pairs_are_listed(wavcube: Command, tmp_path: Path) -> None:
    done = wavcube("prepare", "conversion-pairs", SPEECH / "speech.tsv", tmp_path / "pairs.tsv", "--seconds", 3)
    assert done.code == 1  # one recording a speaker
    assert "two more recordings" in done.err
