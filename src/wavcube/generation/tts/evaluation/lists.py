"""What to speak in an evaluation: the published lists of zero-shot text to speech, or any table."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from wavcube.errors import DataError

LISTS = """\
LibriSpeech-PC cross-sentence (.lst, six columns with tabs between; --audio is LibriSpeech's test-clean)
Seed-TTS (.lst, four or five fields with | between, prompts beside the list)
a table (.tsv) with columns prompt, prompt_text and text; also name, language, recording"""


@dataclass(frozen=True)
class SpokenItem:
    """One text in one voice.

    Attributes:
        name: unique in its list.
        prompt: recording of the voice.
        prompt_text: what it says.
        text: to speak.
        language: ISO 639-1 code.
        recording: the same text by the same speaker, if there is one.
        seconds: how long that is, if known.
    """

    name: str
    prompt: Path
    prompt_text: str
    text: str
    language: str = "en"
    recording: Path | None = None
    seconds: float | None = None


def read_list(
    path: str | os.PathLike[str], audio: str | os.PathLike[str] | None = None, limit: int | None = None
) -> list[SpokenItem]:
    """Read a list (see `LISTS`); its kind is told by its first line.

    Args:
        path: of the list.
        audio: folder that its recordings lie in; by default the list's own.
        limit: keep only the first so many.

    Raises:
        DataError: no such list, malformed lines, or recordings that do not exist.
    """
    path = Path(path)
    folder = path.parent if audio is None else Path(audio)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a list ({error})") from error
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise DataError(f"{path}: the list is empty")
    if path.suffix == ".tsv":
        items = _table(path, lines, folder)
    elif "|" in numbered[0][1]:
        items = [_seed_tts(path, number, line, folder) for number, line in numbered]
    else:
        items = [_cross_sentence(path, number, line, folder) for number, line in numbered]
    items = _numbered(items)[:limit]
    missing = [str(item.prompt) for item in items if not item.prompt.is_file()]
    if missing:
        raise DataError(
            f"{path}: {len(missing)} of {len(items)} prompts do not exist, such as {missing[0]}; name the folder that "
            "they lie in with --audio"
        )
    return items


def _cross_sentence(path: Path, number: int, line: str, folder: Path) -> SpokenItem:
    fields = line.strip().split("\t")
    if len(fields) != 6:
        raise DataError(
            f"{path}, line {number}: has {len(fields)} fields with tabs between, not 6; known lists are\n{LISTS}"
        )
    prompt, _, prompt_text, name, seconds, text = fields
    try:
        length = float(seconds)
    except ValueError as error:
        raise DataError(f"{path}, line {number}: {seconds!r} is no number of seconds") from error
    recording = _there(_librispeech(folder, name))
    return SpokenItem(f"{name}_by_{prompt}", _librispeech(folder, prompt), prompt_text, text, "en", recording, length)


def _seed_tts(path: Path, number: int, line: str, folder: Path) -> SpokenItem:
    fields = line.strip().split("|")
    if len(fields) not in (4, 5):
        raise DataError(f"{path}, line {number}: has {len(fields)} fields with | between, not 4 or 5")
    name, prompt_text, prompt, text = fields[:4]
    recording = folder / (fields[4] if len(fields) == 5 else f"wavs/{name}.wav")
    chinese = any("\u4e00" <= character <= "\u9fff" for character in text)
    return SpokenItem(name, folder / prompt, prompt_text, text, "zh" if chinese else "en", _there(recording))


def _table(path: Path, lines: list[str], folder: Path) -> list[SpokenItem]:
    items = []
    # Quotes have no meaning in a .tsv: texts may begin with one.
    for number, row in enumerate(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), 2):
        if None in row or None in row.values():
            raise DataError(f"{path}, line {number}: does not have as many cells as the header")
        for column in ("prompt", "prompt_text", "text"):
            if not row.get(column):
                raise DataError(f"{path}, line {number}: no {column!r}; columns here are {', '.join(row)}")
        recording = row.get("recording")
        items.append(
            SpokenItem(
                row.get("name") or f"{number:05d}",
                folder / row["prompt"],
                row["prompt_text"],
                row["text"],
                row.get("language") or "en",
                _there(folder / recording) if recording else None,
            )
        )
    return items


def _librispeech(folder: Path, name: str) -> Path:
    """test-clean/SPEAKER/CHAPTER/NAME.flac, or the same flat."""
    speaker, chapter, _ = [*name.split("-"), "", ""][:3]
    nested = folder / speaker / chapter / f"{name}.flac"
    return nested if nested.is_file() else next((p for p in folder.glob(f"{name}.*") if p.is_file()), nested)


def _there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _numbered(items: list[SpokenItem]) -> list[SpokenItem]:
    """The same, refusing names that come twice: results are kept by name."""
    seen: set[str] = set()
    for item in items:
        if item.name in seen:
            raise DataError(f"two lines of the list have the name {item.name!r}")
        seen.add(item.name)
    return items
