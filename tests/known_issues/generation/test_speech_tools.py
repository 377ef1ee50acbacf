"""Faults of enhancement, conversion and distilled speech models, found when they were read once more."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli.conftest import Command
from tests.generation.separation.small import small_separator
from tests.generation.small import small_flow
from tests.locations import SPEECH
from wavcube.audio.io import load_audio, save_audio
from wavcube.codec import WavCube
from wavcube.generation.conversion import VoiceConverter
from wavcube.generation.enhancement import SpeechEnhancer

SOURCE, TARGET = SPEECH / "p287_002.flac", SPEECH / "LJ001-0013.opus"


@pytest.mark.filterwarnings("ignore:the target's recordings hold only")
def test_a_pair_is_one_recording_and_a_tuple_is_several() -> None:
    """Enhancement gave a list for (array, rate); conversion lost all of a tuple of recordings but the first."""
    enhancer, converter = SpeechEnhancer.from_pretrained(), VoiceConverter.from_pretrained()
    voice = converter.voice(TARGET)
    short = load_audio(SOURCE)[:16_000]
    for one in (enhancer.enhance((short, 16_000)), converter.convert((short, 16_000), voice)):
        assert isinstance(one, np.ndarray)
        assert one.shape == (16_000,)
    for several in (
        enhancer.enhance((short, short[:8_000]), 16_000),
        converter.convert((short, short[:8_000]), voice, 16_000),
    ):
        assert [len(one) for one in several] == [16_000, 8_000]
    assert [len(one) for one in converter.convert([short], voice, 16_000)] == [16_000]


def test_the_list_that_pairs_are_drawn_from_is_not_replaced(wavcube: Command, tmp_path: Path) -> None:
    """`prepare conversion-pairs LIST LIST` replaced the list, exit code 0."""
    for number in range(6):
        shutil.copy(SOURCE, tmp_path / f"{number}.flac")
    listed = tmp_path / "list.tsv"
    rows = [f'{number}.flac\t{"ab"[number % 2]}\tshe said "no"' for number in range(6)]
    listed.write_text("\n".join(["path\tspeaker\ttranscript", *rows]) + "\n")
    before = listed.read_bytes()
    outcome = wavcube("prepare", "conversion-pairs", listed, listed, "--seconds", 1)
    assert outcome.code == 1
    assert "is the list itself" in outcome.err
    assert listed.read_bytes() == before
    # A quotation mark is a character of a cell like any other, in writing as in reading.
    assert wavcube("prepare", "conversion-pairs", listed, tmp_path / "pairs.tsv", "--seconds", 1).code == 0
    assert '\tshe said "no"\t' in (tmp_path / "pairs.tsv").read_text()


def test_a_distilled_model_that_is_fine_tuned_loses_its_few_steps() -> None:
    """They stayed those of the model before, and `--few-steps` spoke by them without a word."""
    distilled = small_flow().with_few_steps(4)
    plain = distilled.with_few_steps(0)
    assert plain.config.transformer.few_steps == 0
    assert not any("step_end" in key for key in plain.state_dict())
    for key, value in plain.state_dict().items():
        torch.testing.assert_close(value, distilled.state_dict()[key], rtol=0, atol=0)


@pytest.fixture
def separator(model: Path, tmp_path: Path) -> Path:
    small_separator(WavCube.from_pretrained(model), f"wavcube:{model}").save_pretrained(tmp_path / "separator")
    return tmp_path / "separator"


def test_a_recording_where_a_talker_goes_is_not_replaced(wavcube: Command, separator: Path, tmp_path: Path) -> None:
    """The second talker's file was written over whatever was there, also over an input or the enrolment."""
    foreign = tmp_path / "out" / SOURCE.stem / "talker2.wav"
    foreign.parent.mkdir(parents=True)
    save_audio(foreign, load_audio(TARGET)[:16_000])
    before = foreign.read_bytes()
    for more in ((), ("--overwrite",)):
        outcome = wavcube("separate", SOURCE, "-o", tmp_path / "out", "-m", separator, *more)
        assert outcome.code == 1
        assert "talker2.wav: exists" in outcome.err
        assert foreign.read_bytes() == before
    outcome = wavcube("separate", SOURCE, foreign, "-o", tmp_path / "out", "-m", separator)
    assert outcome.code == 1
    assert "would overwrite the input" in outcome.err
    voice = tmp_path / "voices" / f"{SOURCE.stem}.wav"
    voice.parent.mkdir()
    voice.write_bytes(before)
    outcome = wavcube("separate", SOURCE, "-o", voice.parent, "-m", separator, "--enroll", voice)
    assert "is an input itself" in outcome.err
    assert voice.read_bytes() == foreign.read_bytes() == before


def test_a_missing_talker_is_made(wavcube: Command, separator: Path, tmp_path: Path) -> None:
    """A second talker's file that was missing was never made: the first stood for both."""
    for name in ("talker1.wav", "talker2.wav"):
        assert wavcube("separate", SOURCE, "-o", tmp_path / "out", "-m", separator).code == 0
        made = tmp_path / "out" / SOURCE.stem / name
        before = made.read_bytes()
        made.unlink()
        outcome = wavcube("separate", SOURCE, "-o", tmp_path / "out", "-m", separator)
        assert outcome.code == 0, outcome.err
        assert made.read_bytes() == before
