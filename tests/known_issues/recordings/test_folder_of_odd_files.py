"""The command line over a folder of more than sixty odd files: a result of the right length, or a line, for each."""

import warnings
from pathlib import Path

from tests.cli.conftest import Command
from tests.known_issues.recordings.odd_files import made_by_ffmpeg, made_by_libsndfile, made_by_sox
from wavcube import Latents


def test_a_folder_of_odd_files(wavcube: Command, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    files = [*made_by_libsndfile(folder), *made_by_ffmpeg(folder), *made_by_sox(folder)]
    for file in files:  # a folder each, as many have one name but for the suffix
        place = folder / str(files.index(file))
        place.mkdir()
        file.path.rename(place / file.path.name)
    assert len(files) >= 60
    with warnings.catch_warnings():
        outcome = wavcube("encode", folder, "-o", tmp_path / "out", "-m", model)
    assert outcome.code == 1
    lines = outcome.err.splitlines()
    assert all(line.startswith(("skipped: ", "warning: ")) for line in lines)
    wrong = []
    for number, file in enumerate(files):
        (found,) = [*(tmp_path / "out" / str(number)).glob("*.safetensors")] or [None]
        refused = sum(line.startswith(f"skipped: {folder / str(number) / file.path.name}: ") for line in lines)
        if file.seconds is None or found is None:
            right = found is None and file.seconds is None and refused == 1
        else:
            latents = Latents.load(found)
            assert latents.samples is not None
            right = not refused and abs(int(latents.samples[0]) / 16_000 - file.seconds) <= file.tolerance + 1e-4
        if not right:
            wrong.append((file.path.name, file.seconds, found, refused))
    assert not wrong
