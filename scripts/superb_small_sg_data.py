"""Make small corpora for `wavcube superb se`, `ss` and `vc` out of free recordings, see docs/understanding.md.

    python scripts/superb_small_sg_data.py DATA OUTPUT

DATA holds speech.tsv (path, split, speaker, transcript, seconds, source ...), noise.tsv and rir.tsv (path, kind ...)
and emotion.tsv (path, speaker, sentence, emotion), and the recordings that they list. OUTPUT gets se.tsv, ss.tsv and
vc.tsv, and the mixtures. Speakers, noises and rooms of test are not in train, nor in dev. Mixtures that are complete
are not made again.
"""

import argparse
import csv
import os
import shutil
from pathlib import Path

import numpy as np

from wavcube.data.clip import Clip, read_clip
from wavcube.data.config import SourceConfig
from wavcube.data.manifest import read_clips
from wavcube.data.mixing import Mixer, MixtureConfig, TalkerConfig, TalkerMixer
from wavcube.data.mixing.written import MIXTURES, write_mixtures
from wavcube.data.mixing.written_talkers import write_talker_mixtures
from wavcube.data.rows import Row, read_rows, write_table
from wavcube.framing import SAMPLE_RATE
from wavcube.understanding.conversion.distortion import mel_cepstral_distortion

COUNTS = {"train": 170, "dev": 30, "test": 40}
LONGEST_S = 4.0
"""Of an utterance; of a longer one the middle is taken, as its ends are silent."""

LEARNT = ("LibriSpeech train-clean-100, one clip a speaker",)
TESTED = ("LibriSpeech test-other", "vctk")
NOISES = {
    "train": "rain|chainsaw|fire crackling|dog bark|person sneeze (voice-like)|baby cry (voice-like)",
    "dev": "sea waves|clock tick|room tone between recordings",
    "test": "helicopter|rooster",
}
ROOMS = {"train": "simulated shoebox (image source)", "dev": "unknown", "test": "measured or designed (by name)"}

TARGET = "emodb_16"
"""The speaker of most recordings."""

CONVERTED = ("a01", "a02")
"""Sentences that are converted, and not trained on: short ones, as all recordings are cut to 2 s."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    data, output = arguments.data, arguments.output
    output.mkdir(parents=True, exist_ok=True)
    rows = table(data / "speech.tsv")
    speech = utterances(rows)
    for split, chosen in speech.items():
        write(output / f"speech-{split}.tsv", [placed(row, data, output) for row in chosen])
    write(output / "se.tsv", [row for split in speech for row in noisy(data, output, split)])
    write(output / "ss.tsv", [row for split in speech for row in talkers(output, split)])
    converted = conversions(rows, table(data / "emotion.tsv"), data, output)
    write(output / "vc.tsv", converted)
    print(f"vc.tsv: MCD of test before conversion {unconverted(converted, output):.2f} dB")


def utterances(rows: list[Row]) -> dict[str, list[Row]]:
    """By lot; every clip of train and dev is of another speaker."""
    random = np.random.default_rng(0)
    learnt, tested = (
        [row for row in rows if row["source"] in sources and row["split"] == split]
        for sources, split in ((LEARNT, "train"), (TESTED, "test"))
    )
    shuffled = [learnt[i] for i in random.permutation(len(learnt))]
    first, both = COUNTS["train"], COUNTS["train"] + COUNTS["dev"]
    test = [tested[i] for i in sorted(random.permutation(len(tested))[: COUNTS["test"]])]
    return {"train": shuffled[:first], "dev": shuffled[first:both], "test": test}


def placed(row: Row, data: Path, output: Path) -> Row:
    """An utterance, or the middle of it, by a path relative to the new list."""
    seconds = float(row["seconds"])
    start = max(0.0, (seconds - LONGEST_S) / 2)
    return {
        "path": os.path.relpath(data / row["path"], output),
        "speaker": row["speaker"],
        "start": f"{start:.2f}",
        "end": f"{start + min(seconds, LONGEST_S):.2f}",
    }


def noisy(data: Path, output: Path, split: str) -> list[Row]:
    """Mixtures as `wavcube prepare noisy` makes them: SNR 0 to 15 dB, half of them in a room."""
    folder, seed = output / f"se-{split}", list(COUNTS).index(split)
    if fresh(folder):
        speech = SourceConfig(str(output / f"speech-{split}.tsv"))
        config = MixtureConfig(
            [speech],
            [SourceConfig(str(data / "noise.tsv"), where={"kind": NOISES[split]})],
            [SourceConfig(str(data / "rir.tsv"), where={"kind": ROOMS[split]})],
            min_seconds=0.0,
            snr_low_db=0.0,
            snr_high_db=15.0,
            noise_share=1.0,
            coloured_share=0.0,
            room_share=0.5,
        )
        write_mixtures(Mixer(config, SAMPLE_RATE, seed), read_clips(speech.path), folder)
    return listed(folder, split, ("speaker", "clean"))


def talkers(output: Path, split: str) -> list[Row]:
    """Mixtures as `wavcube prepare mixtures` makes them: up to 5 dB apart, without noise, cut to the shorter."""
    folder, seed = output / f"ss-{split}", list(COUNTS).index(split)
    if fresh(folder):
        speech = SourceConfig(str(output / f"speech-{split}.tsv"))
        config = TalkerConfig([speech], min_seconds=0.0, partial_share=0.0, noise_share=0.0)
        write_talker_mixtures(TalkerMixer(config, SAMPLE_RATE, seed), COUNTS[split], folder, enrolments=False)
    return listed(folder, split, ("source1", "source2"))


def fresh(folder: Path) -> bool:
    """Whether mixtures have to be made; what an interrupted run left is removed."""
    if (folder / MIXTURES).is_file():
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return True


def listed(folder: Path, split: str, columns: tuple[str, str]) -> list[Row]:
    """Rows of mixtures, relative to the folder above theirs."""
    return [
        {"path": f"{folder.name}/{row['path']}", "split": split}
        | {name: row[name] if name == "speaker" else f"{folder.name}/{row[name]}" for name in columns}
        for _, row in read_rows(folder / MIXTURES)
    ]


def conversions(rows: list[Row], labels: list[Row], data: Path, output: Path) -> list[Row]:
    """The target speaker's sentences to train on; others' to convert, each with the target's of the same emotion."""
    words = {row["path"]: row["transcript"] for row in rows}
    own = [label for label in labels if label["speaker"] == TARGET]
    random = np.random.default_rng(0)

    def row(label: Row, split: str, reference: str = "") -> Row:
        return {
            "path": os.path.relpath(data / label["path"], output),
            "split": split,
            "speaker": label["speaker"],
            "transcript": words[label["path"]],
            "reference": os.path.relpath(data / reference, output) if reference else "",
        }

    learnt = [label for label in own if label["sentence"] not in CONVERTED]
    dev = set(random.permutation(len(learnt))[:8].tolist())
    references = {(label["sentence"], label["emotion"]): label["path"] for label in own}
    others = [
        label
        for label in labels
        if label["speaker"] != TARGET
        and label["sentence"] in CONVERTED
        and (label["sentence"], label["emotion"]) in references
    ]
    test = [others[i] for i in sorted(random.permutation(len(others))[: COUNTS["test"]])]
    return [
        *(row(label, "dev" if i in dev else "train") for i, label in enumerate(learnt)),
        *(row(label, "test", references[label["sentence"], label["emotion"]]) for label in test),
    ]


def unconverted(rows: list[Row], folder: Path) -> float:
    """Mean distortion, in dB, between what is converted and the target speaker's recordings."""
    pairs = [[folder / row[name] for name in ("path", "reference")] for row in rows if row["split"] == "test"]
    return float(np.mean([mel_cepstral_distortion(*(read_clip(Clip("", path)) for path in pair)) for pair in pairs]))


def table(path: Path) -> list[Row]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def write(path: Path, rows: list[Row]) -> None:
    write_table(path, list(rows[0]), [list(row.values()) for row in rows])
    print(f"{path.name}: {len(rows)} recordings")


if __name__ == "__main__":
    main()
