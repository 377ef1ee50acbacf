"""Training and evaluation data of the linear probes, read from one list of clips.

The list is a TSV or CSV table with the columns path, split, speaker and transcript; others may follow. Paths are
relative to it. A `language` other than English, and a `transcript_kind` of slots, leave a clip out of the characters.
"""

from collections import defaultdict
from pathlib import Path

from wavcube.data.manifest import check_listed_once, check_names, clip_of_row
from wavcube.data.rows import read_rows
from wavcube.data.text_normalizers import english_letters
from wavcube.errors import DataError
from wavcube.hashing import digest
from wavcube.understanding.corpora.corpus import Corpus, Example
from wavcube.understanding.corpora.manifest import ManifestRow

COLUMNS = ("path", "split", "speaker", "transcript")
SPOKEN_KINDS = ("", "true", "asr")
DEV_SHARE = 0.1
SPEAKER_SPLITS = ("test", "probe")
"""Speakers that no model of this project was trained on."""
FEWEST_CLIPS, MOST_CLIPS = 6, 20
"""Of a speaker in the speaker probe."""


def read_list(path: Path) -> list[ManifestRow]:
    """The rows of a list of clips.

    Raises:
        DataError: it cannot be read, lacks a column, or lists a recording twice.
    """
    rows = []
    for line, row in read_rows(path):
        missing = [name for name in COLUMNS if name not in row]
        if missing:
            raise DataError(f"{path}: has no column {missing[0]!r}; a list of clips has {', '.join(COLUMNS)}")
        rows.append(ManifestRow(row, clip_of_row(path, line, row, path.parent)))
    if not rows:
        raise DataError(f"{path}: lists no recordings; a list of clips has the columns {', '.join(COLUMNS)}")
    clips = [row.clip for row in rows]
    check_listed_once(clips, path)
    check_names(clips, path)
    return rows


def character_corpus(rows: list[ManifestRow], source: Path) -> Corpus:
    """English clips with a transcript: `train`, a tenth of it as dev, and `test`.

    Raises:
        DataError: nothing is left.
    """
    splits: dict[str, list[Example]] = {"train": [], "dev": [], "test": []}
    for row in rows:
        text = english_letters(row.cells["transcript"])
        kind, language = row.cells.get("transcript_kind", ""), row.cells.get("language", "en")
        if row.cells["split"] not in splits or not text or kind not in SPOKEN_KINDS or not language.startswith("en"):
            continue
        split = "dev" if row.cells["split"] == "train" and _draw(row.cells["path"]) < DEV_SHARE else row.cells["split"]
        splits[split].append(Example(row.clip, text, row.cells["speaker"]))
    known = {character for example in splits["train"] for character in example.target}
    for split in ("dev", "test"):
        splits[split] = [example for example in splits[split] if set(example.target) <= known]
    if not all(splits.values()):
        raise DataError(f"{source}: has no English clips with transcripts in both `train` and `test`")
    return Corpus.of(splits)


def speaker_corpus(rows: list[ManifestRow], source: Path) -> Corpus:
    """Recordings of speakers with enough of them in `test` and `probe`: of five, three train, one dev, one test.

    Raises:
        DataError: there are fewer than two such speakers.
    """
    by_speaker: dict[str, list[ManifestRow]] = defaultdict(list)
    for row in rows:
        if row.cells["split"] in SPEAKER_SPLITS and row.cells["speaker"] not in ("", "?", "unknown"):
            by_speaker[row.cells["speaker"]].append(row)
    splits: dict[str, list[Example]] = {"train": [], "dev": [], "test": []}
    chosen = {speaker: found for speaker, found in sorted(by_speaker.items()) if len(found) >= FEWEST_CLIPS}
    if len(chosen) < 2:
        raise DataError(
            f"{source}: the list has fewer than two speakers with {FEWEST_CLIPS} clips in `test` and `probe`"
        )
    for speaker, found in chosen.items():
        found = sorted(found, key=lambda row: _draw(row.cells["path"]))[:MOST_CLIPS]
        for i, row in enumerate(found):
            split = ("train", "dev", "train", "test", "train")[i % 5]
            splits[split].append(Example(row.clip, speaker, speaker))
    return Corpus.of(splits)


def _draw(name: str) -> float:
    """A number in [0, 1) that depends on the name alone, so that every machine makes the same splits."""
    return int(digest(name, 8), 16) / 2**64
