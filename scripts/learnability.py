"""Train the same small transformer on several representations and compare how they are learnt.

    python scripts/learnability.py --out runs/learnability \\
        --representation log-mel=logmel --representation features=features:MODEL \\
        --representation stage1=wavcube:STAGE1 --representation stage2=wavcube:STAGE2 \\
        --set samples.asr=whisper:FOLDER --set samples.speaker=resemblyzer

Interrupted, the same command goes on. Writes statistics.json, comparison.json, table.md and curves.png into --out.
"""

import argparse
import sys
from pathlib import Path

from wavcube.errors import WavCubeError
from wavcube.generation.analysis.learnability import compare_representations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--representation", action="append", required=True, help="LABEL=SPEC; may be given again")
    parser.add_argument("--recipe", default="tts-learnability")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="each representation is trained with each")
    parser.add_argument("--out", type=Path, default=Path("runs/learnability"))
    parser.add_argument("--set", action="append", default=[], dest="settings", help="key.inner=value, over the recipe")
    options = parser.parse_args()
    named = dict(text.split("=", 1) if "=" in text else (text, text) for text in options.representation)
    try:
        found = compare_representations(named, options.recipe, options.out, options.settings, options.seeds)
    except WavCubeError as error:
        sys.exit(f"error: {error}")
    if found is None:
        sys.exit(130)
    print((options.out / "table.md").read_text())


if __name__ == "__main__":
    main()
