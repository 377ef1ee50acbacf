from pathlib import Path

import pytest

from wavcube.cli.many_files.plan import Plan, make_plan
from wavcube.errors import WavCubeError
from wavcube.files import find_files

AUDIO = {".wav", ".flac"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def plan(*inputs: str, output: str = "out", suffix: str = ".pt") -> Plan:
    found = find_files(inputs, AUDIO, "audio", WavCubeError)
    return make_plan(found, Path(output), suffix, AUDIO)


def targets(made: Plan) -> list[str]:
    return [job.target.as_posix() for job in made.jobs]


def test_results_mirror_the_inputs(folder: Path) -> None:
    touch("in/a.wav", "in/x/b.flac", "in/x/y/c.wav", "d.wav")
    assert targets(plan("in", "d.wav")) == ["out/d.pt", "out/a.pt", "out/x/b.pt", "out/x/y/c.pt"]
    assert targets(plan("in/x/b.flac")) == ["out/b.pt"]
    assert targets(plan("in/**/*.wav")) == ["out/a.pt", "out/x/y/c.pt"]
    assert targets(plan("in/*/y")) == ["out/x/y/c.pt"]


def test_a_dot_in_a_name_is_kept(folder: Path) -> None:
    touch("in/a.b.wav", "in/a.c.wav")
    assert targets(plan("in")) == ["out/a.b.pt", "out/a.c.pt"]


def test_two_inputs_of_one_result_are_a_conflict(folder: Path) -> None:
    touch("in/a.wav", "in/a.flac", "in/b.wav", "more/b.flac")
    made = plan("in")
    assert targets(made) == ["out/b.pt"]
    assert len(made.conflicts) == 2
    for name, conflict in zip(("in/a.flac", "in/a.wav"), made.conflicts, strict=True):
        assert str(conflict).startswith(f"{name}: in/a.flac and in/a.wav would all become out/a.pt")
    assert len(plan("in", "more").conflicts) == 4


def test_inputs_are_never_overwritten(folder: Path) -> None:
    touch("in/a.wav", "in/b.flac", "in/x/b.wav")
    made = plan("in", output="in", suffix=".wav")
    assert targets(made) == ["in/b.wav"]
    assert ["in/a.wav: its result would overwrite" in str(error) for error in made.conflicts] == [True, False]
    touch("in/b.wav")
    assert len(plan("in", output="in", suffix=".wav").conflicts) == 4


def test_results_inside_the_input_folder_are_no_inputs(folder: Path) -> None:
    touch("in/a.wav", "in/out/a.wav", "in/out/x/b.wav")
    made = plan("in", output="in/out", suffix=".wav")
    assert (targets(made), made.conflicts) == (["in/out/a.wav"], [])
    assert targets(plan("in/out/a.wav", output="in/out", suffix=".flac")) == ["in/out/a.flac"]


def test_the_output_cannot_be_a_file(folder: Path) -> None:
    touch("a.wav", "out")
    with pytest.raises(WavCubeError, match="out: is a file"):
        plan("a.wav")
