"""The end of the small recipe: a run of stage 2 becomes the folder that ships inside the package.

    python scripts/package_nano.py runs/nano src/wavcube/codec/pretrained/nano

What encoding and decoding need, and the linear restorer, with which anybody can fine-tune it, in float16;
MODEL_CARD.md beside it is written by hand.
"""

import argparse
from pathlib import Path

import torch

from wavcube import WavCube
from wavcube.codec.bottleneck import LinearRestorer

MOST_PARAMETERS, MOST_MEGABYTES = 30e6, 56.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run of stage 2")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    model = WavCube.from_pretrained(arguments.run / "model")
    if not isinstance(model.restorer, LinearRestorer):
        raise SystemExit(f"{arguments.run}: has no linear restorer (model.bottleneck.restorer: linear)")
    model.save_pretrained(arguments.out, dtype=torch.float16)
    parameters = sum(p.numel() for p in model.parameters())
    megabytes = (arguments.out / "model.safetensors").stat().st_size / 1e6
    print(f"{arguments.out}: {parameters / 1e6:.2f}M parameters, {megabytes:.1f} MB")
    if parameters > MOST_PARAMETERS or megabytes > MOST_MEGABYTES:
        raise SystemExit("too large for the package")


if __name__ == "__main__":
    main()
