"""A result or a line for every file: links, unreadable folders, odd suffixes, names with many dots."""

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from wavcube import Latents, save_audio
from wavcube.audio import find_audio
from wavcube.data.manifest import iterate_clips
from wavcube.data.prepare.folder import find_folder
from wavcube.errors import InputWarning
from wavcube.files import find_files


def recordings(folder: Path, *names: str) -> None:
    from tests.known_issues.recordings.odd_files import speech

    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        save_audio(folder / "made.wav", speech(0.5, 16_000), 16_000)
        (folder / "made.wav").rename(folder / name)


def results(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_every_name_gets_a_result(wavcube: Command, model: Path, tmp_path: Path) -> None:
    folder, elsewhere, out = tmp_path / "in", tmp_path / "elsewhere", tmp_path / "out"
    recordings(folder, "a.wav", "b.wave", "deep/c.bin", "rec.2024.01", "rec.2024.02", "rec.2024.03.wav")
    recordings(elsewhere, "d.wav")
    (folder / "link.wav").symlink_to("a.wav")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "twice").symlink_to(elsewhere)
    (folder / "deep/loop").symlink_to(folder)
    (folder / "notes.txt").write_text("no sound")
    outcome = wavcube("encode", folder, "-o", out, "-m", model)
    assert outcome.code == 0, outcome.err
    assert results(out) == [
        "a.safetensors",
        "b.safetensors",
        "deep/c.bin.safetensors",
        "link.safetensors",
        "linked/d.safetensors",
        "rec.2024.01.safetensors",
        "rec.2024.02.safetensors",
        "rec.2024.03.safetensors",
        "twice/d.safetensors",
    ]
    again = wavcube("encode", folder, "-o", out, "-m", model)
    assert "9 existed already" in again.out
    wavcube("decode", out, "-o", tmp_path / "speech", "-m", model)
    assert len(results(tmp_path / "speech")) == 9


def test_what_is_left_out_is_said_and_what_cannot_be_read_fails(wavcube: Command, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    recordings(folder, "a.wav")
    (folder / "notes.txt").write_text("no sound")
    (folder / "talk.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    (folder / "gone.wav").symlink_to("nowhere.wav")
    outcome = wavcube("encode", folder, "-o", tmp_path / "out", "-m", model)
    assert outcome.code == 1
    assert f"warning: {folder}: left out 1 file that is no audio (1 .txt)\n" in outcome.err
    assert "2 failed" in outcome.out
    assert "talk.m4a: is not a recording that can be read" in outcome.err
    assert f"skipped: {folder / 'gone.wav'}: " in outcome.err
    assert results(tmp_path / "out") == ["a.safetensors"]


def test_transcripts_that_are_read_are_not_left_out(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    recordings(tmp_path / "plain", "a.wav", "deep/b.flac")
    recordings(tmp_path / "libri", "1-2-0001.flac")
    (tmp_path / "plain/a.txt").write_text("one")
    (tmp_path / "plain/deep/b.txt").write_text("two")
    (tmp_path / "libri/1-2.trans.txt").write_text("1-2-0001 THREE\n")
    assert sorted(clip.transcript or "" for clip in find_folder(tmp_path / "plain").clips) == ["one", "two"]
    assert [clip.transcript for clip in iterate_clips(tmp_path / "libri")] == ["THREE"]
    assert not recwarn.list
    (tmp_path / "plain/other.txt").write_text("of no recording\n")
    with pytest.warns(InputWarning, match=r"left out 1 file that is no audio \(1 \.txt\)"):
        find_folder(tmp_path / "plain")


@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_fails(wavcube: Command, model: Path, tmp_path: Path) -> None:
    recordings(tmp_path / "in", "a.wav", "shut/b.wav")
    (tmp_path / "in/shut").chmod(0)
    try:
        outcome = wavcube("encode", tmp_path / "in", "-o", tmp_path / "out", "-m", model)
    finally:
        (tmp_path / "in/shut").chmod(0o700)
    assert outcome.code == 1
    assert "shut: is a folder that cannot be read" in outcome.err
    assert results(tmp_path / "out") == ["a.safetensors"]


def test_a_folder_that_cannot_be_listed_is_found_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings(tmp_path, "a.wav", "shut/b.wav")
    scan = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr("wavcube.files.os.scandir", refuse)
    assert find_audio(tmp_path) == [tmp_path / "a.wav", tmp_path / "shut"]


def test_one_file_under_two_spellings_is_one(tmp_path: Path) -> None:
    recordings(tmp_path, "a.wav", "deep/b.wav")
    inputs = [tmp_path / "a.wav", f"{tmp_path}/deep/../a.wav", f"{tmp_path}//a.wav"]
    assert find_audio(inputs) == [tmp_path / "a.wav"]


def test_latents_with_a_suffix_in_capitals(wavcube: Command, model: Path, tmp_path: Path) -> None:
    recordings(tmp_path / "in", "a.wav")
    wavcube("encode", tmp_path / "in", "-o", tmp_path / "out", "-m", model)
    (tmp_path / "out/a.safetensors").rename(tmp_path / "out/a.SAFETENSORS")
    assert wavcube("info", tmp_path / "out/a.SAFETENSORS").code == 0
    assert wavcube("decode", tmp_path / "out", "-o", tmp_path / "speech", "-m", model).code == 0
    assert results(tmp_path / "speech") == ["a.wav"]
    assert find_files([tmp_path / "out"], {".safetensors"}, "latents", ValueError)  # type: ignore[arg-type]
    assert len(Latents.load(tmp_path / "out/a.SAFETENSORS")) == 1
