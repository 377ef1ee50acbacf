from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.generation.separation.small import small_separator
from tests.locations import SPEECH
from wavcube.audio.io import audio_info
from wavcube.cli.many_files.provenance import read_record
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


def test_a_folder_is_separated_beside_its_recordings_and_again_without_its_results(
    wavcube: Command, separator: Path, tmp_path: Path
) -> None:
    speech = tmp_path / "in"
    (speech / "deep").mkdir(parents=True)
    for name in ("a.flac", "deep/b.v1.flac"):
        (speech / name).write_bytes(RECORDING.read_bytes())
    done = wavcube("separate", speech, "-o", speech, "-m", separator)
    assert done.code == 0, done.err
    assert (speech / "deep/b.v1/talker2.wav").is_file()
    again = wavcube("separate", speech, "-o", speech, "-m", separator)
    assert again.code == 0, again.err
    assert "2 existed already" in again.out
    assert not (speech / "a/talker1").exists()


def test_results_say_how_they_were_made(wavcube: Command, separator: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert wavcube("separate", RECORDING, "-o", out, "-m", separator).code == 0
    records = [read_record(out / RECORDING.stem / f"talker{k}.wav") for k in (1, 2)]
    assert records[0] is not None
    assert records[0] == records[1]
    assert records[0].command == "separate --kind masked"
    assert records[0].source.is_still(RECORDING)
    other = wavcube("separate", RECORDING, "-o", out, "-m", separator, "--kind", "decoded")
    assert other.code == 1
    assert "made with another command" in other.err
    again = wavcube("separate", RECORDING, "-o", out, "-m", separator, "--kind", "decoded", "--overwrite")
    assert again.code == 0, again.err


def test_a_set_of_mixtures_is_prepared_and_evaluated(wavcube: Command, tmp_path: Path) -> None:
    listed = SPEECH / "speech.tsv"
    done = wavcube("prepare", "mixtures", listed, tmp_path / "set", "--count", 2, "--enrolment", 1)
    assert done.code == 0, done.err
    assert "2 mixtures" in done.out
    for wrong, sentence in ((("--snr", "loud"), "LOW:HIGH"), (("--enrolment", 0.5), "lasts 1 s or more")):
        bad = wavcube("prepare", "mixtures", listed, tmp_path / "other", *wrong)
        assert bad.code == 1
        assert sentence in bad.err
    more = ("--metrics", "si_sdr", "--processes", 1, "--no-listen", "-o", tmp_path / "out")
    data = tmp_path / "set" / "mixtures.tsv"
    done = wavcube("evaluate", "separation", "-m", "oracle-mask", "-m", "mixture", "--data", data, *more)
    assert done.code == 0, done.err
    assert "SI-SDRi" in done.out
