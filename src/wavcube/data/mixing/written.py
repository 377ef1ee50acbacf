"""Mixtures as files: whole utterances with noise and rooms, for tests and for other programs."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from wavcube.audio.io import save_audio
from wavcube.data.clip import Clip, read_clip
from wavcube.data.mixing.mixer import Mixer
from wavcube.data.rows import Row, write_table
from wavcube.errors import DataError
from wavcube.framing import SAMPLE_RATE
from wavcube.progress import Progress

MIXTURES = "mixtures.tsv"
"""The list of what was written."""


def write_mixtures(mixer: Mixer, clips: Sequence[Clip], folder: Path, progress: bool = False) -> Path:
    """Write a mixture around each clip, and the clean speech in it, as FLAC; where the list is.

    folder/noisy/N.flac, folder/clean/N.flac and folder/mixtures.tsv with the columns path (of the noisy one), clean,
    split ("test"), transcript, language, snr_db, speech, parts (noise and room), and the clip's own.

    Raises:
        DataError: the folder holds something already, or recordings cannot be used.
    """

    def written(number: int) -> Row:
        clip = clips[number]
        mixture = mixer.around(number, read_clip(clip), clip.name)
        name = f"{number:05d}.flac"
        for kind, waveform in (("noisy", mixture.noisy), ("clean", mixture.clean)):
            save_audio(folder / kind / name, waveform, SAMPLE_RATE)
        own = {key: value for key, value in clip.columns.items() if key not in ("split", "start", "end")}
        return {
            **own,
            "path": f"noisy/{name}",
            "clean": f"clean/{name}",
            "split": "test",
            "transcript": clip.transcript or "",
            "language": clip.language,
            "seconds": f"{len(mixture.noisy) / SAMPLE_RATE:.3f}",
            "snr_db": f"{mixture.snr_db:.1f}",
            "speech": clip.name,
            "parts": " + ".join(mixture.parts[1:]),
        }

    return write_listed(folder, ("noisy", "clean"), len(clips), written, progress)


def write_listed(
    folder: Path, kinds: Sequence[str], count: int, written: Callable[[int], Row], progress: bool = False
) -> Path:
    """Write mixtures into a new folder, and the list of what `written` says of each number; where the list is.

    Args:
        folder: new or empty.
        kinds: folders to make in it.
        count: of mixtures.
        written: writes the files of a mixture, and gives its row.
        progress: whether to show a bar.

    Raises:
        DataError: the folder holds something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: exists and is not empty; give another folder")
    for kind in kinds:
        (folder / kind).mkdir(parents=True, exist_ok=True)
    rows = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not progress) as bar:
        task = bar.add_task("mixtures", total=count)
        for number in range(count):
            rows.append(written(number))
            bar.advance(task)
    names = list(dict.fromkeys(name for row in rows for name in row))
    write_table(folder / MIXTURES, names, [[row.get(name, "") for name in names] for row in rows])
    return folder / MIXTURES
