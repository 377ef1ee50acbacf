"""A list for `wavcube evaluate tts` from a table of clips: what a speaker says in one clip, in the voice of another.

    python scripts/cross_sentence_list.py DATA/speech.tsv lists/tts-test.tsv --where split=test --where language=en

Every clip that is spoken has its true recording in the list, so that the report also says how alike two true clips of
a speaker are. Prompts last 3 to 10 s and texts have at least three words.
"""

import argparse
import csv
import os
from collections import defaultdict
from pathlib import Path

PROMPT_S = (3.0, 10.0)
WORDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="with columns path, speaker, seconds, transcript, language")
    parser.add_argument("out", type=Path)
    parser.add_argument("--where", action="append", default=[], help="COLUMN=VALUE, alternatives with | between")
    parser.add_argument("--each", type=int, default=3, help="texts of a speaker")
    arguments = parser.parse_args()
    allowed = [(column, value.split("|")) for column, _, value in (one.partition("=") for one in arguments.where)]
    by_speaker: dict[str, list[dict[str, str]]] = defaultdict(list)
    with arguments.table.open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["transcript"] and all(row[column] in values for column, values in allowed):
                by_speaker[row["speaker"]].append(row)
    lines = []
    for _, clips in sorted(by_speaker.items()):
        prompts = [clip for clip in clips if PROMPT_S[0] <= float(clip["seconds"]) <= PROMPT_S[1]]
        spoken = [clip for clip in clips if len(clip["transcript"].split()) >= WORDS]
        for number, prompt in enumerate(prompts[: arguments.each]):
            others = [clip for clip in spoken if clip is not prompt and clip not in prompts[:number]]
            if others:
                lines.append((prompt, others[(number * 7) % len(others)]))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    folder = os.path.relpath(arguments.table.parent, arguments.out.parent)
    with arguments.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, lineterminator="\n")
        writer.writerow(["name", "prompt", "prompt_text", "text", "language", "recording"])
        for number, (prompt, other) in enumerate(lines):
            writer.writerow([
                f"{number:03d}", f"{folder}/{prompt['path']}", prompt["transcript"], other["transcript"],
                other["language"], f"{folder}/{other['path']}",
            ])  # fmt: skip
    print(f"{arguments.out}: {len(lines)} texts of {len({prompt['speaker'] for prompt, _ in lines})} speakers")


if __name__ == "__main__":
    main()
