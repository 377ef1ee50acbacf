"""Lists of the clips that wavcube-nano trains on and is validated on, with checksums.

    python scripts/nano_data.py DATA/speech.tsv lists

reads a table of clips with the columns path, split, speaker, seconds, licence and source, and writes lists/train.tsv
and lists/validation.tsv: every clip of the split `train`, and of those the clips of ten LibriSpeech speakers, who are
kept from training so that settings can be chosen on them.
"""

import argparse
import csv
import hashlib
from pathlib import Path

from wavcube.files import atomic_path

VALIDATION_SOURCE = "LibriSpeech train"
VALIDATION_SPEAKERS = 10
LICENCES = ("CC-BY-4.0", "CC0", "public domain", "Apache-2.0", "CMU AN4")
"""Beginnings of the licences under which weights that are given away may be trained."""


def validation_speakers(rows: list[dict[str, str]]) -> list[str]:
    """Ten speakers, spread evenly over the sorted names."""
    speakers = sorted({row["speaker"] for row in rows if row["source"].startswith(VALIDATION_SOURCE)})
    return speakers[:: max(1, len(speakers) // VALIDATION_SPEAKERS)][:VALIDATION_SPEAKERS]


def write_list(path: Path, rows: list[dict[str, str]], root: Path) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("path\tseconds\tspeaker\tlicence\tsha256\n")
        for row in rows:
            digest = hashlib.sha256((root / row["path"]).read_bytes()).hexdigest()
            file.write(f"{row['path']}\t{row['seconds']}\t{row['speaker']}\t{row['licence']}\t{digest}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    with arguments.table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row["split"] == "train"]
    refused = sorted({row["licence"] for row in rows if not row["licence"].startswith(LICENCES)})
    if refused:
        raise SystemExit(f"{arguments.table}: not a licence to train weights under that are given away: {refused}")
    held_out = set(validation_speakers(rows))
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, chosen in (
        ("train", [row for row in rows if row["speaker"] not in held_out]),
        ("validation", [row for row in rows if row["speaker"] in held_out]),
    ):
        path = arguments.output / f"{name}.tsv"
        write_list(path, chosen, arguments.table.parent)
        minutes = sum(float(row["seconds"]) for row in chosen) / 60
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path}: {len(chosen)} clips, {minutes:.0f} minutes, sha256 {digest}")


if __name__ == "__main__":
    main()
