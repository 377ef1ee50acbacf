"""A finished run of `wavcube train tts`, `enhance` or `separate` becomes the folder that ships inside the package.

    python scripts/package_generator.py tts runs/tts-few src/wavcube/generation/tts/pretrained/nano
    python scripts/package_generator.py enhancement RUN src/wavcube/generation/enhancement/pretrained/small
    python scripts/package_generator.py separation RUN src/wavcube/generation/separation/pretrained/small

Weights in float16; MODEL_CARD.md beside them is written by hand.
"""

import argparse
from pathlib import Path

import torch

from wavcube.generation.enhancement.model import LatentEnhancer
from wavcube.generation.flow.model_folder import WEIGHTS
from wavcube.generation.separation.model import LatentSeparator
from wavcube.generation.tts.model import FlowMatchingTTS

MODELS = {
    "tts": (FlowMatchingTTS, 24.0),
    "enhancement": (LatentEnhancer, 12.0),
    "separation": (LatentSeparator, 12.0),
}
"""Classes, and the most megabytes that each may have."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=MODELS)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    kind, most = MODELS[arguments.kind]
    model = kind.from_pretrained(arguments.run)
    model.save_pretrained(arguments.out, torch.float16)
    megabytes = (arguments.out / WEIGHTS).stat().st_size / 1e6
    print(f"{arguments.out}: {sum(p.numel() for p in model.parameters()) / 1e6:.2f}M parameters, {megabytes:.1f} MB")
    if megabytes > most:
        raise SystemExit("too large for the package")


if __name__ == "__main__":
    main()
