"""How much processing in chunks differs from processing whole, as a function of context.

    python scripts/chunking_error.py --model tiny --noise 0.1
    python scripts/chunking_error.py --model FOLDER

The recordings of tests/fixtures/speech, joined and cut to --seconds, are encoded whole and in chunks, and the whole's
latent is decoded whole and in chunks. Printed are relative L2 differences, as a table for docs/architecture.md.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch

from wavcube import WavCube, WavCubeConfig, load_audio
from wavcube.codec import Chunking

SPEECH = Path(__file__).parent.parent / "tests/fixtures/speech"


def joined_speech(seconds: float) -> np.ndarray:
    """Float32 [S]: the repository's recordings one behind the other, over and over."""
    paths = sorted(path for path in SPEECH.iterdir() if path.suffix in {".opus", ".flac"})
    samples, parts, total = round(16_000 * seconds), [], 0
    for path in itertools.cycle(paths):
        parts.append(load_audio(path))
        total += len(parts[-1])
        if total >= samples:
            return np.concatenate(parts)[:samples]
    raise AssertionError


def load(name: str, noise: float) -> WavCube:
    """A checkpoint, or a preset with random weights that `noise` moves away from their initial values."""
    if Path(name).is_dir():
        return WavCube.from_pretrained(name)
    torch.manual_seed(0)
    model = WavCube(WavCubeConfig.preset(name))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += noise * torch.randn_like(parameter)
    return model


def relative_error(got: torch.Tensor, samples: torch.Tensor) -> float:
    return float((got - samples).norm() / samples.norm())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny", help="a preset (random weights) or a checkpoint folder")
    parser.add_argument("--noise", type=float, default=0.0, help="scale of what is added to a preset's weights")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--chunk", type=float, default=30.0)
    parser.add_argument("--contexts", type=float, nargs="+", default=[0.5, 1.0, 2.0, 5.0, 10.0])
    options = parser.parse_args()

    model, speech = load(options.model, options.noise), joined_speech(options.seconds)
    model.chunking = Chunking(above=None)
    latents = model.encode(speech, 16_000)
    waveform = model.decode(latents)
    print(f"{options.model}, {options.seconds:g} s of speech, chunks of {options.chunk:g} s\n")
    print("| context (s) | latent | waveform, from the same latent | waveform, chunks all the way |")
    print("| --- | --- | --- | --- |")
    for context in options.contexts:
        model.chunking = Chunking(above=1.0, chunk=options.chunk, context=context)
        chunked = model.encode(speech, 16_000)
        errors = (
            relative_error(chunked.values, latents.values),
            relative_error(model.decode(latents), waveform),
            relative_error(model.decode(chunked), waveform),
        )
        print(f"| {context:g} | " + " | ".join(f"{error:.1e}" for error in errors) + " |", flush=True)


if __name__ == "__main__":
    main()
