from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.generation.enhancement.small import small_enhancer
from tests.locations import REPOSITORY, SPEECH
from wavcube.audio.io import audio_info
from wavcube.codec import WavCube

RECORDING = SPEECH / "p287_002.flac"


@pytest.fixture(scope="module")
def enhancer(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("enhancer")
    small_enhancer(WavCube.from_pretrained(model), f"wavcube:{model}").save_pretrained(folder)
    return folder


def test_one_recording_becomes_one_file(wavcube: Command, enhancer: Path, tmp_path: Path) -> None:
    out = tmp_path / "clean.wav"
    done = wavcube("enhance", RECORDING, "-o", out, "-m", enhancer)
    assert done.code == 0, done.err
    assert audio_info(out).seconds == pytest.approx(audio_info(RECORDING).seconds, abs=1e-4)
    assert "existed already" in wavcube("enhance", RECORDING, "-o", out, "-m", enhancer).out
    other = wavcube("enhance", RECORDING, "-o", out, "-m", enhancer, "--strength", 0.5)
    assert other.code == 1
    assert "--overwrite" in other.err
    again = wavcube("enhance", RECORDING, "-o", out, "-m", enhancer, "--strength", 0.5, "--overwrite")
    assert again.code == 0, again.err


def test_a_folder_becomes_a_folder_and_a_bad_file_is_passed_over(
    wavcube: Command, enhancer: Path, tmp_path: Path
) -> None:
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/deep/a.flac").write_bytes(RECORDING.read_bytes())
    (tmp_path / "in/bad.wav").write_bytes(b"nothing")
    done = wavcube("enhance", tmp_path / "in", "-o", tmp_path / "out", "-m", enhancer)
    assert done.code == 1
    assert "bad.wav" in done.err
    assert (tmp_path / "out/deep/a.wav").is_file()


def test_what_would_be_lost_or_is_missing_is_refused(wavcube: Command, enhancer: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.flac"
    copy.write_bytes(RECORDING.read_bytes())
    same = wavcube("enhance", copy, "-o", copy, "-m", enhancer)
    assert same.code == 1
    assert copy.read_bytes() == RECORDING.read_bytes()
    many = wavcube("enhance", copy, RECORDING, "-o", tmp_path / "one.wav", "-m", enhancer)
    assert "give a folder" in many.err
    missing = wavcube("enhance", copy, "-o", tmp_path / "one.wav", "-m", tmp_path / "nowhere")
    assert "no such folder" in missing.err


def test_a_misspelt_recipe_is_refused(wavcube: Command, tmp_path: Path) -> None:
    done = wavcube("train", "enhance", "--recipe", REPOSITORY / "recipes/enhanse.yaml", "-o", tmp_path / "run")
    assert done.code == 1
    assert "no such recipe" in done.err


def test_a_noisy_set_is_prepared_and_evaluated(wavcube: Command, tmp_path: Path) -> None:
    speech = tmp_path / "speech"
    speech.mkdir()
    (speech / "a.flac").write_bytes(RECORDING.read_bytes())
    done = wavcube("prepare", "noisy", speech, tmp_path / "set", "--snr", "5:5")
    assert done.code == 0, done.err
    bad = wavcube("prepare", "noisy", speech, tmp_path / "set2", "--snr", "loud")
    assert "LOW:HIGH" in bad.err
    more = ("--metrics", "si_sdr", "--processes", 1, "--no-listen", "-o", tmp_path / "out")
    data = tmp_path / "set" / "mixtures.tsv"
    done = wavcube("evaluate", "enhancement", "-m", "oracle-mask", "-m", "noisy", "--data", data, *more)
    assert done.code == 0, done.err
    assert "SI-SDR" in done.out
