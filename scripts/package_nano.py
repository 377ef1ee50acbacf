"""The end of the small recipe: a run of stage 2 becomes the folder that ships inside the package.

    python scripts/package_nano.py runs/nano src/wavcube/codec/pretrained/nano

Only what encoding and decoding need, in float16; MODEL_CARD.md beside it is written by hand.
"""

import argparse
import dataclasses
from pathlib import Path

import torch

from wavcube import WavCube

MOST_PARAMETERS, MOST_MEGABYTES = 20e6, 40.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run of stage 2")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    model = WavCube.from_pretrained(arguments.run / "model")
    model.restorer = None
    model.config = dataclasses.replace(model.config, restorer=False)
    model.save_pretrained(arguments.out, dtype=torch.float16)
    parameters = sum(p.numel() for p in model.parameters())
    megabytes = (arguments.out / "model.safetensors").stat().st_size / 1e6
    print(f"{arguments.out}: {parameters / 1e6:.2f}M parameters, {megabytes:.1f} MB")
    if parameters > MOST_PARAMETERS or megabytes > MOST_MEGABYTES:
        raise SystemExit("too large for the package")


if __name__ == "__main__":
    main()
