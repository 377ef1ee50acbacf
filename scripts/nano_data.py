"""Lists of the clips that wavcube-nano trains on and is validated on, with checksums.

    python scripts/nano_data.py DATA/speech.tsv lists

reads a table of clips with the columns path, split, speaker, seconds, licence and source, and writes lists/train.tsv
and lists/validation.tsv: the clips of the split `train`, and of those the clips of some speakers, who are kept from
training so that settings can be chosen on them.
"""

import argparse
import csv
import hashlib
from pathlib import Path

from wavcube.files import atomic_path

LIBRISPEECH = ("103", "163", "2289", "2989", "3807", "4397", "5390", "625", "7226", "8123")
OTHERS = ("so_0001", "so_0736", "so_1408", "so_2402", "so_5017", "so_9553", "af_alloy", "bm_fable*0.5+am_adam*0.5")
KEPT_OUT = {f"ls{speaker}" for speaker in LIBRISPEECH} | set(OTHERS)
"""Ten speakers of LibriSpeech, six of speechocean762, two synthetic voices."""

LOW_PASSED = "nothing above"
"""In the name of a source whose recordings end below half the sampling rate; nothing is to be learnt from them."""

SHORTEST, LONGEST = 0.6, 30.0
"""Seconds."""

LICENCES = ("CC-BY-4.0", "CC0", "public domain", "Apache-2.0", "CMU AN4")
"""Beginnings of the licences under which weights that are given away may be trained."""


def usable(row: dict[str, str]) -> bool:
    """Whether a clip is one to train or to validate on."""
    length = float(row["seconds"])
    return row["split"] == "train" and LOW_PASSED not in row["source"] and SHORTEST < length <= LONGEST


def write_list(path: Path, rows: list[dict[str, str]], root: Path) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("path\tseconds\tspeaker\tsource\tlicence\tsha256\n")
        for row in rows:
            digest = hashlib.sha256((root / row["path"]).read_bytes()).hexdigest()
            columns = (*(row[name] for name in ("path", "seconds", "speaker", "source", "licence")), digest)
            file.write("\t".join(columns) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    with arguments.table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if usable(row)]
    refused = sorted({row["licence"] for row in rows if not row["licence"].startswith(LICENCES)})
    if refused:
        raise SystemExit(f"{arguments.table}: not a licence to train weights under that are given away: {refused}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, chosen in (
        ("train", [row for row in rows if row["speaker"] not in KEPT_OUT]),
        ("validation", [row for row in rows if row["speaker"] in KEPT_OUT]),
    ):
        path = arguments.output / f"{name}.tsv"
        write_list(path, chosen, arguments.table.parent)
        minutes = sum(float(row["seconds"]) for row in chosen) / 60
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path}: {len(chosen)} clips, {minutes:.0f} minutes, sha256 {digest}")


if __name__ == "__main__":
    main()
