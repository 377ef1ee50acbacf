"""Lists of texts and prompts to evaluate on: the published ones of zero-shot text to speech, or any table."""

import os
from dataclasses import dataclass
from pathlib import Path

from wavcube.data.librispeech import find_recording
from wavcube.data.rows import TABLES, read_rows, read_text
from wavcube.errors import DataError

LISTS = """\
LibriSpeech-PC cross-sentence (.lst, six columns with tabs between; --audio is LibriSpeech's test-clean)
Seed-TTS (.lst, four or five fields with | between, prompts beside the list)
a table (.tsv, .csv, .jsonl, .parquet) with columns prompt, prompt_text and text; also name, language, recording"""


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
    """Read a list (see `LISTS`); its first line determines its kind.

    Args:
        path: of the list.
        audio: folder that its recordings lie in; by default the list's own.
        limit: keep only the first so many.

    Raises:
        DataError: no such list, malformed lines, or recordings that do not exist.
    """
    path = Path(path)
    folder = path.parent if audio is None else Path(audio)
    if path.suffix.lower() in TABLES:
        items = _table(path, folder)
    else:
        numbered = [(number, line) for number, line in enumerate(read_text(path).splitlines(), 1) if line.strip()]
        read = _seed_tts if numbered and "|" in numbered[0][1] else _cross_sentence
        items = [read(path, number, line, folder) for number, line in numbered]
    if not items:
        raise DataError(f"{path}: the list is empty")
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
    recording = _there(find_recording(folder, name))
    return SpokenItem(f"{name}_by_{prompt}", find_recording(folder, prompt), prompt_text, text, "en", recording, length)


def _seed_tts(path: Path, number: int, line: str, folder: Path) -> SpokenItem:
    fields = line.strip().split("|")
    if len(fields) not in (4, 5):
        raise DataError(f"{path}, line {number}: has {len(fields)} fields with | between, not 4 or 5")
    name, prompt_text, prompt, text = fields[:4]
    recording = folder / (fields[4] if len(fields) == 5 else f"wavs/{name}.wav")
    chinese = any("\u4e00" <= character <= "\u9fff" for character in text)
    return SpokenItem(name, folder / prompt, prompt_text, text, "zh" if chinese else "en", _there(recording))


def _table(path: Path, folder: Path) -> list[SpokenItem]:
    items = []
    for number, row in read_rows(path):
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
