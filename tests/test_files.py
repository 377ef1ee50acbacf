import stat
from pathlib import Path

import pytest

from wavcube.errors import WavCubeError
from wavcube.files import atomic_path, find_files


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "result"
    with atomic_path(path) as temporary:
        assert temporary.parent == tmp_path
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("interruption", [OSError, KeyboardInterrupt])
def test_an_interruption_leaves_the_old_file_alone(tmp_path: Path, interruption: type[BaseException]) -> None:
    path = tmp_path / "result"
    path.write_text("old")

    def write_half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("hal")
            raise interruption

    with pytest.raises(interruption):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "result"
    with atomic_path(path) as first, atomic_path(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"


def test_files_have_ordinary_permissions(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "result") as temporary:
        temporary.touch()
    (tmp_path / "plain").touch()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("result", "plain")}
    assert len(modes) == 1


def test_found_files_know_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("in/x/a.wav", "in/b.WAV", "in/c.txt", "in/.hidden/d.wav", "in/._b.wav"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()

    def found(*inputs: str) -> list[tuple[str, str]]:
        files = find_files(inputs, {".wav"}, "audio", WavCubeError)
        return [(file.path.as_posix(), file.relative.as_posix()) for file in files]

    assert found("in") == [("in/b.WAV", "b.WAV"), ("in/x/a.wav", "x/a.wav")]
    assert found("in/x/a.wav", "in/c.txt") == [("in/c.txt", "c.txt"), ("in/x/a.wav", "a.wav")]
    assert found("in/**/*.wav") == [("in/x/a.wav", "x/a.wav")]
    assert found("i*/x") == [("in/x/a.wav", "in/x/a.wav")]
    assert found("in", "in/b.WAV", str(tmp_path / "in")) == found("in")
    with pytest.raises(WavCubeError, match=r"in/\*\.ogg: no audio file matches"):
        found("in/*.ogg")
    with pytest.raises(WavCubeError, match="in/z: no such file or folder"):
        found("in/z")


def test_a_name_with_brackets_is_a_name_first(tmp_path: Path) -> None:
    path = tmp_path / "take [1].wav"
    path.touch()
    assert [file.path for file in find_files([path], {".wav"}, "audio", WavCubeError)] == [path]
