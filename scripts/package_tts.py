"""A finished run of `wavcube train tts` becomes the folder that ships inside the package.

    python scripts/package_tts.py runs/tts-nano src/wavcube/generation/tts/pretrained/nano

Weights in float16; MODEL_CARD.md beside them is written by hand.
"""

import argparse
from pathlib import Path

import torch

from wavcube.generation.flow.model_folder import WEIGHTS
from wavcube.generation.tts.model import FlowMatchingTTS

MOST_MEGABYTES = 40.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    model = FlowMatchingTTS.from_pretrained(arguments.run)
    model.save_pretrained(arguments.out, torch.float16)
    megabytes = (arguments.out / WEIGHTS).stat().st_size / 1e6
    print(f"{arguments.out}: {sum(p.numel() for p in model.parameters()) / 1e6:.2f}M parameters, {megabytes:.1f} MB")
    if megabytes > MOST_MEGABYTES:
        raise SystemExit("too large for the package")


if __name__ == "__main__":
    main()
