"""Write manifests for `wavcube superb` out of a collection of free recordings, see docs/understanding.md.

    python scripts/superb_small_data.py DATA OUTPUT [--lexicon cmudict.dict]

DATA holds speech.tsv (path, split, speaker, transcript, transcript_kind, seconds, source ...) and the recordings that
it lists: CMU AN4, Free Spoken Digits, Picovoice's wake words and coffee orders, synthetic and read speech. Splits are
by speaker wherever the task asks for that; what speech.tsv calls test is never trained on.
"""

import argparse
import csv
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

Row = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--lexicon", type=Path, help="for phoneme recognition: CMUdict's or LibriSpeech's")
    arguments = parser.parse_args()
    with (arguments.data / "speech.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    for row in rows:
        row["speaker"] = row["speaker"].replace("pico_unknown", "")
        row["path"] = os.path.relpath(arguments.data / row["path"], arguments.output)
    arguments.output.mkdir(parents=True, exist_ok=True)

    an4_train = [row for row in rows if "an4-train/" in row["path"]]
    an4_test = [row for row in rows if "an4-test/" in row["path"]]
    by_speaker = split_speakers(an4_train, dev=12)

    write(arguments.output / "ks-digits.tsv", digits(rows), word=lambda row: row["transcript"])
    wake = at_random([row for row in rows if "pico-wake" in row["path"]], (0.6, 0.2))
    write(arguments.output / "ks-wake.tsv", wake, word=lambda row: row["transcript"])
    write(arguments.output / "sid-an4.tsv", within_speakers(an4_train))
    write(arguments.output / "asv-an4.tsv", {**by_speaker, "test": an4_test})
    read = {**by_speaker, "test": [row for row in an4_test if row["transcript_kind"] == "true"]}
    write(arguments.output / "asr-an4.tsv", read, transcript=lambda row: row["transcript"])
    orders = at_random([row for row in rows if "pico-intent" in row["path"]], (0.7, 0.15))
    write(
        arguments.output / "ic-coffee.tsv",
        orders,
        slot_drink=lambda row: slots(row).get("coffeeDrink", "none"),
        slot_size=lambda row: slots(row).get("size", "none"),
    )
    if arguments.lexicon:
        known = words_of(arguments.lexicon)
        spoken = [row for row in rows if row["transcript_kind"] == "true" and row["language"] == "en"]
        spoken = [row for row in spoken if row["split"] != "probe" and set(spelled(row).split()) <= known]
        an4_dev = {row["path"] for row in by_speaker["dev"]}
        write(
            arguments.output / "pr-english.tsv",
            {
                "train": [r for r in spoken if r["split"] == "train" and r["path"] not in an4_dev],
                "dev": [r for r in spoken if r["path"] in an4_dev],
                "test": [r for r in spoken if r["split"] == "test" and "synthetic" not in r["source"].lower()],
            },
            transcript=lambda row: row["transcript"],
        )


def digits(rows: list[Row]) -> dict[str, list[Row]]:
    """Three speakers to train, one to choose, two to test."""
    found: dict[str, list[Row]] = {"train": [], "dev": [], "test": []}
    for row in rows:
        if "/fsdd/" in row["path"]:
            name = row["speaker"].removeprefix("fsdd_")
            found[{"nicolas": "dev", "theo": "test", "yweweler": "test"}.get(name, "train")].append(row)
    return found


def split_speakers(rows: list[Row], dev: int) -> dict[str, list[Row]]:
    """Some speakers for dev, the others for training."""
    speakers = sorted({row["speaker"] for row in rows})
    chosen = set(np.random.default_rng(0).permutation(speakers)[:dev].tolist())
    return {
        "train": [row for row in rows if row["speaker"] not in chosen],
        "dev": [row for row in rows if row["speaker"] in chosen],
    }


def within_speakers(rows: list[Row]) -> dict[str, list[Row]]:
    """Of each speaker three fifths of the recordings to train, a fifth each to choose and to test."""
    found: dict[str, list[Row]] = {"train": [], "dev": [], "test": []}
    groups = defaultdict(list)
    for row in rows:
        groups[row["speaker"]].append(row)
    for speaker in sorted(groups):
        if len(groups[speaker]) < 5:
            continue
        for i, j in enumerate(np.random.default_rng(0).permutation(len(groups[speaker])).tolist()):
            found[("train", "train", "train", "dev", "test")[i % 5]].append(groups[speaker][j])
    return found


def at_random(rows: list[Row], shares: tuple[float, float]) -> dict[str, list[Row]]:
    """Train, dev and test by lot: for recordings whose speakers are not known."""
    order = np.random.default_rng(0).permutation(len(rows)).tolist()
    first, second = round(shares[0] * len(rows)), round(sum(shares) * len(rows))
    parts = {"train": order[:first], "dev": order[first:second], "test": order[second:]}
    return {split: [rows[i] for i in part] for split, part in parts.items()}


def slots(row: Row) -> dict[str, str]:
    return json.loads(row["transcript"].partition("slots:")[2])


def spelled(row: Row) -> str:
    return " ".join(re.sub(r"[^\w']|_", " ", row["transcript"].replace("\u2019", "'").upper()).split())


def words_of(lexicon: Path) -> set[str]:
    lines = lexicon.read_text(encoding="utf-8").splitlines()
    return {re.sub(r"\(\d+\)$", "", line.split()[0]).upper() for line in lines if line.split() and line[:3] != ";;;"}


def write(manifest: Path, splits: dict[str, list[Row]], **columns: Callable[[Row], str]) -> None:
    with manifest.open("w", encoding="utf-8") as file:
        file.write("\t".join(["path", "split", "speaker", *columns]) + "\n")
        for split, rows in splits.items():
            for row in rows:
                cells = [row["path"], split, row["speaker"], *(column(row) for column in columns.values())]
                file.write("\t".join(cells) + "\n")
    counts = Counter({split: len(rows) for split, rows in splits.items()})
    minutes = {split: round(sum(float(row["seconds"]) for row in rows) / 60, 1) for split, rows in splits.items()}
    print(f"{manifest.name}: {dict(counts)} recordings, {minutes} minutes")


if __name__ == "__main__":
    main()
