"""What the linear probes learn from and are evaluated on, read from one list of clips.

The list is a TSV or CSV table with the columns path, split, speaker and transcript; others may follow. Paths are
relative to it. A `language` other than English, and a `transcript_kind` of slots, leave a clip out of the characters.
"""

import csv
import hashlib
import re
from collections import defaultdict
from pathlib import Path

from wavcube.data.clip import Clip
from wavcube.errors import DataError
from wavcube.understanding.corpus import Corpus, Example

COLUMNS = ("path", "split", "speaker", "transcript")
SPOKEN_KINDS = ("", "true", "asr")
DEV_SHARE = 0.1
SPEAKER_SPLITS = ("test", "probe")
"""Speakers that no model of this project was trained on."""
FEWEST_CLIPS, MOST_CLIPS = 6, 20
"""Of a speaker in the speaker probe."""

Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """The rows of a list of clips.

    Raises:
        DataError: it cannot be read, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            tabs = path.suffix.lower() == ".tsv"
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if tabs else csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
            if missing:
                raise DataError(f"{path}: has no column {missing[0]!r}; a list of clips has {', '.join(COLUMNS)}")
            return [{key: value or "" for key, value in row.items() if key} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: no readable list of clips ({error})") from error


def character_corpus(rows: list[Row], root: Path) -> Corpus:
    """English clips with a transcript: `train`, a tenth of it as dev, and `test`.

    Raises:
        DataError: nothing is left.
    """
    splits: dict[str, list[Example]] = {"train": [], "dev": [], "test": []}
    for row in rows:
        text = normalised(row["transcript"])
        kind, language = row.get("transcript_kind", ""), row.get("language", "en")
        if row["split"] not in splits or not text or kind not in SPOKEN_KINDS or not language.startswith("en"):
            continue
        split = "dev" if row["split"] == "train" and _draw(row["path"]) < DEV_SHARE else row["split"]
        splits[split].append(Example(Clip(row["path"], root / row["path"]), text, row["speaker"]))
    known = {character for example in splits["train"] for character in example.target}
    for split in ("dev", "test"):
        splits[split] = [example for example in splits[split] if set(example.target) <= known]
    if not all(splits.values()):
        raise DataError("the list has no English clips with transcripts in both `train` and `test`")
    return Corpus.of(splits)


def speaker_corpus(rows: list[Row], root: Path) -> Corpus:
    """Recordings of speakers with enough of them in `test` and `probe`: of five, three train, one dev, one test.

    Raises:
        DataError: there are fewer than two such speakers.
    """
    by_speaker: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["split"] in SPEAKER_SPLITS and row["speaker"] not in ("", "?", "unknown"):
            by_speaker[row["speaker"]].append(row)
    splits: dict[str, list[Example]] = {"train": [], "dev": [], "test": []}
    chosen = {speaker: found for speaker, found in sorted(by_speaker.items()) if len(found) >= FEWEST_CLIPS}
    if len(chosen) < 2:
        raise DataError(f"the list has fewer than two speakers with {FEWEST_CLIPS} clips in `test` and `probe`")
    for speaker, found in chosen.items():
        found = sorted(found, key=lambda row: _draw(row["path"]))[:MOST_CLIPS]
        for i, row in enumerate(found):
            split = ("train", "dev", "train", "test", "train")[i % 5]
            splits[split].append(Example(Clip(row["path"], root / row["path"]), speaker, speaker))
    return Corpus.of(splits)


def normalised(text: str) -> str:
    """Lower case letters, apostrophes and single spaces; empty where there are digits (read in many ways)."""
    if re.search(r"\d", text):
        return ""
    return " ".join(re.sub(r"[^a-z']+", " ", text.lower()).split())


def _draw(name: str) -> float:
    """A number in [0, 1) that depends on the name alone, so that every machine makes the same splits."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") / 2**64
