"""A folder of recordings, end to end: `wavcube encode` and `decode` against the plain loop, one file at a time.

    python -m benchmarks.folder [--preset packaged] [--dtypes float32 auto] [--clips 200] [--threads 2] [--rounds 1]

Clips of 1 to 20 s (uniform, seed 0) as 16-bit FLAC at 16 kHz; reading, computing and writing are timed, loading the
model is not. Ours are the models prepared in each of the types, through the commands themselves. The plain loop reads,
encodes and writes one file, then the next, and so it decodes: with the reference's algorithm for a WavLM's encoder
(benchmarks/reference.py), else with the model as loaded.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness import interleave, save
from benchmarks.reference import ReferenceDecoder, ReferenceEncoder
from benchmarks.representation import build
from wavcube import WavCube
from wavcube.audio.io import load_audio, save_audio
from wavcube.cli import options
from wavcube.cli.codec import decode, encode
from wavcube.latents import Latents


def write_clips(folder: Path, count: int) -> float:
    """`count` clips of noise; seconds of all of them."""
    random = np.random.default_rng(0)
    folder.mkdir()
    total = 0
    for number in range(count):
        samples = round(16_000 * random.uniform(1, 20))
        save_audio(folder / f"{number:03d}.flac", 0.1 * random.standard_normal(samples).clip(-3, 3), 16_000)
        total += samples
    return total / 16_000


class PlainLoop:
    """The loop that a user of the research code writes."""

    def __init__(self, model: WavCube) -> None:
        if model.config.encoder.family == "wavlm":
            self.encoder: Callable[[Tensor], Tensor] = ReferenceEncoder(model)
            self.decoder: Callable[[Tensor], Tensor] = ReferenceDecoder(model)
        else:
            self.encoder = lambda waveform: model(waveform)[0]
            self.decoder = lambda latent: model.synthesize(latent)[0]

    def encode(self, source: Path, target: Path) -> None:
        target.mkdir(exist_ok=True)
        for path in sorted(source.iterdir()):
            waveform = torch.from_numpy(load_audio(path))[None]
            latent = self.encoder(waveform)
            lengths = torch.tensor([latent.shape[1]])
            Latents(latent, lengths, 50.0, 16_000, torch.tensor([waveform.shape[1]])).save(
                target / f"{path.stem}.safetensors"
            )

    def decode(self, source: Path, target: Path) -> None:
        target.mkdir(exist_ok=True)
        for path in sorted(source.iterdir()):
            waveform = self.decoder(Latents.load(path).values)[0]
            save_audio(target / f"{path.stem}.wav", waveform.numpy(), 16_000)


class Ours:
    """The commands, with a model that is loaded already."""

    def __init__(self, model: WavCube) -> None:
        self.model = model

    def _run(self, command: Any, source: Path, target: Path) -> None:
        with mock.patch.object(options, "load_model", return_value=self.model):
            command([str(source)], target, overwrite=True)

    def encode(self, source: Path, target: Path) -> None:
        self._run(encode.encode, source, target)

    def decode(self, source: Path, target: Path) -> None:
        self._run(decode.decode, source, target)


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="packaged", help="packaged, or a preset with random weights such as full")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "auto"], help="that ours is prepared in")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=1)
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)

    def load() -> WavCube:
        return WavCube.from_pretrained() if settings.preset == "packaged" else build(settings.preset)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = write_clips(folder / "clips", settings.clips)
        write_clips(folder / "warm", 2)
        sides: dict[str, PlainLoop | Ours] = {"plain": PlainLoop(load())}
        sides |= {dtype: Ours(load().optimize(dtype)) for dtype in settings.dtypes}
        for side, runner in sides.items():
            runner.encode(folder / "warm", folder / f"warm-{side}")

        def step(side: str, operation: str) -> Callable[[], None]:
            source = folder / ("clips" if operation == "encode" else f"encode-{side}")
            return lambda: getattr(sides[side], operation)(source, folder / f"{operation}-{side}")

        steps = {f"{side} {operation}": step(side, operation) for operation in ("encode", "decode") for side in sides}
        timings = interleave(steps, settings.rounds, warm_up=False)
    wall = {what: timing.wall for what, timing in timings.items()}
    wall |= {f"{side} both": wall[f"{side} encode"] + wall[f"{side} decode"] for side in sides}
    ratios = {
        dtype: {what: wall[f"plain {what}"] / wall[f"{dtype} {what}"] for what in ("encode", "decode", "both")}
        for dtype in settings.dtypes
    }
    for what, timing in timings.items():
        print(f"{what:17} {timing.wall:7.2f} s, {seconds / timing.wall:6.1f} x real time")
    for dtype, values in ratios.items():
        print(f"{dtype}, times the plain loop:", ", ".join(f"{op} {ratio:.2f}" for op, ratio in values.items()))
    result = {"clips": settings.clips, "seconds": seconds, "seed": 0, "timings": timings, "ratios": ratios}
    print(save(f"folder-{settings.preset}", {"preset": settings.preset, **result}))


if __name__ == "__main__":
    main()
