"""How fast a head of `wavcube superb` trains on cached latents, and what the cache takes.

    python -m benchmarks.probe_speed [--threads 2] [--seconds 20]

An hour of speech as 360 recordings of 10 s, cached as latents of 128 channels at 50 Hz (random numbers: neither speed
nor size depends on them). Heads and batches are SUPERB's. The goals are 500 steps a minute on two cores for linear and
pooled heads, and 12.8 kB of cache a second of speech. On a machine that does other things too, steps a CPU minute say
what one idle core would do at least.
"""

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness import save
from wavcube.audio.io import save_audio
from wavcube.features import Clip, FeatureExtractor, FrameCache
from wavcube.understanding import TASKS
from wavcube.understanding.corpora.corpus import Corpus, Example
from wavcube.understanding.ctc import BLANK
from wavcube.understanding.task import ProbeTask
from wavcube.understanding.training.batches import Batches
from wavcube.understanding.training.trainer import Run, update

RECORDINGS, SECONDS, GOAL = 360, 10, 500


class RandomLatents(FeatureExtractor):
    """128 channels at 50 Hz of noise."""

    def __init__(self) -> None:
        self.name, self.dim, self.frame_rate, self.shortest, self.fingerprint = "latents", 128, 50.0, 400, "random"

    def frames(self, samples: int) -> int:
        return samples // 320

    def _compute(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return torch.randn(len(waveform), self.frames(waveform.shape[1]), 128), lengths // 320


def examples(folder: Path) -> list[Example]:
    rng = np.random.default_rng(0)
    found = []
    for number in range(RECORDINGS):
        path = folder / f"{number}.wav"
        save_audio(path, rng.uniform(-0.1, 0.1, SECONDS * 16_000).astype(np.float32), 16_000)
        found.append(Example(Clip(str(number), path), number % 10))
    return found


def corpus_for(name: str, listed: list[Example]) -> Corpus:
    if name != "pr":
        return Corpus(listed, listed[:10], listed[:10], list(range(10)))
    tokens = [f"P{i}" for i in range(70)]
    said = [Example(e.clip, tuple(tokens[(e.target + i) % 70] for i in range(100))) for e in listed]
    return Corpus(said, said[:10], said[:10], [BLANK, *tokens])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0, help="of training, each head")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    measured: dict[str, object] = {"threads": arguments.threads}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        listed = examples(folder)
        cache = FrameCache(RandomLatents(), folder / "cache")
        cache.extract([example.clip for example in listed])
        stored = sum(file.stat().st_size for file in cache.folder.glob("*.f16"))
        measured["cache bytes a second"] = stored / (RECORDINGS * SECONDS)
        for task_name in ("ks", "sid", "pr"):
            task = TASKS[task_name]
            assert isinstance(task, ProbeTask)
            recipe = dataclasses.replace(task.recipe, balanced=False)
            run = Run(task, corpus_for(task_name, listed), cache.reader(), 50.0, recipe, 0, folder)
            measured[task_name] = speed(run, arguments.seconds)
            print(task_name, measured[task_name], f"(goal: {GOAL} steps a minute)")
    print(f"cache: {measured['cache bytes a second']:.0f} bytes a second of speech")
    save("probe_speed", measured)


def speed(run: Run, seconds: float) -> dict[str, float]:
    """Steps a minute and a CPU minute, after ten steps to warm up."""
    probe = run.probe()
    optimiser = torch.optim.Adam(probe.parameters(), lr=run.recipe.learning_rate)
    batches = Batches(run.frames, run.corpus.train, run.recipe, run.frame_rate, run.seed)
    for step in range(10):
        update(run, probe, optimiser, batches, step)
    wall, cpu, step = time.perf_counter(), time.process_time(), 10
    while time.perf_counter() - wall < seconds:
        update(run, probe, optimiser, batches, step)
        step += 1
    done = step - 10
    return {
        "steps a minute": round(60 * done / (time.perf_counter() - wall)),
        "steps a CPU minute": round(60 * done / (time.process_time() - cpu)),
    }


if __name__ == "__main__":
    main()
