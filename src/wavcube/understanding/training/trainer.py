"""The probe loop: one head, one learning rate, trained on cached frames; resumable and deterministic.

What a step draws (batch, crops, dropout, masks) depends on the seed and the step's number alone. So a run that was
killed goes on from its last state as if nothing had happened.
"""

import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from wavcube.errors import CheckpointError
from wavcube.features.shards import CachedFrames
from wavcube.files import atomic_path
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus
from wavcube.understanding.heads import Probe
from wavcube.understanding.task import ProbeTask
from wavcube.understanding.training.batches import Batches
from wavcube.understanding.training.specaugment import SpecAugment

STATE, BEST, DONE = "state.pt", "best.safetensors", "done.json"

SAVE_SECONDS, REPORT_SECONDS = 60.0, 1.0
"""How often the state is saved and the progress file is written."""


@dataclass
class Run:
    """One training: what it is of, and where it lies.

    Attributes:
        task: whose head is trained.
        corpus: what on.
        frames: the cache.
        frame_rate: of the frames, in Hz.
        recipe: with this run's learning rate.
        seed: of weights, order, dropout and masks.
        folder: of its state and result.
        device: that it runs on.
    """

    task: ProbeTask
    corpus: Corpus
    frames: CachedFrames
    frame_rate: float
    recipe: ProbeConfig
    seed: int
    folder: Path
    device: str = "cpu"

    def probe(self) -> Probe:
        """The untrained head, with the statistics of the training split."""
        if self.recipe.normalise == "train":
            mean, deviation = self.frames.statistics(example.clip.name for example in self.corpus.train)
        else:
            shape = (self.frames.dim,) if self.frames.layers == 1 else (self.frames.layers, self.frames.dim)
            mean, deviation = np.zeros(shape, np.float32), np.ones(shape, np.float32)
        torch.manual_seed(self.seed)
        head = self.task.head(self.corpus, self.recipe, self.frames.dim, self.frame_rate)
        form = self.recipe.specaugment
        augment = None if form == "off" else SpecAugment(form, self.frames.dim)
        return Probe(head, torch.from_numpy(mean), torch.from_numpy(deviation), augment).to(self.device)


@dataclass(frozen=True)
class Trained:
    """The result of a run: the best dev figure, at which step, and how fast it trained."""

    learning_rate: float
    dev: dict[str, float]
    step: int
    steps_per_minute: float


def train(run: Run) -> Trained:
    """Train a head, keeping the weights that are best on dev; goes on where a killed run was, and ends at once if done.

    Raises:
        CheckpointError: a saved state is damaged.
    """
    done = run.folder / DONE
    if done.is_file():
        return Trained(**json.loads(done.read_text(encoding="utf-8")))
    run.folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        trained = _train(run)
    with atomic_path(done) as path:
        path.write_text(json.dumps(trained.__dict__), encoding="utf-8")
    (run.folder / STATE).unlink(missing_ok=True)
    return trained


def evaluate(run: Run, probe: Probe, split: str) -> np.ndarray:
    """Outcomes of a split under a probe."""
    batches = Batches(run.frames, run.corpus.splits[split], run.recipe, run.frame_rate, run.seed)
    said: dict[str, Any] = {}
    probe.eval()
    with torch.inference_mode():
        for batch in batches.in_order():
            batch = batch.to(torch.device(run.device))
            answers = run.task.predict(probe(batch.values, batch.lengths), batch, run.corpus)
            said.update({e.clip.name: answer for e, answer in zip(batch.examples, answers, strict=True)})
    return run.task.outcomes(run.corpus, split, said)


def best_probe(run: Run) -> Probe:
    """The probe that was best on dev."""
    probe, file = run.probe(), run.folder / BEST
    try:
        probe.load_state_dict(load_file(file, device=run.device))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{file}: damaged ({error}); delete {run.folder} to train from the start") from error
    return probe


def _train(run: Run) -> Trained:
    recipe, measure = run.recipe, run.task.measures[0]
    probe = run.probe()
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    optimiser = kind(probe.parameters(), lr=recipe.learning_rate)
    batches = Batches(run.frames, run.corpus.train, recipe, run.frame_rate, run.seed)
    step, best, best_step = _resume(run, probe, optimiser)
    every = max(1, recipe.steps // recipe.evaluations)
    saved = reported = time.monotonic()
    spent, first_step = 0.0, step
    while step < recipe.steps:
        started = time.monotonic()
        torch.manual_seed(run.seed * 1_000_003 + step)
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * learning_rate_factor(recipe, step)
        update(run, probe, optimiser, batches, step)
        step += 1
        spent += time.monotonic() - started
        if step % every == 0 or step == recipe.steps:
            metrics = run.task.measure(evaluate(run, probe, "dev"))
            if not best or _better(metrics[measure.name], best[measure.name], measure.more_is_better):
                best, best_step = metrics, step
                with atomic_path(run.folder / BEST) as path:
                    save_file({k: v.detach().cpu().contiguous() for k, v in probe.state_dict().items()}, path)
            reported = -math.inf
        if time.monotonic() - reported > REPORT_SECONDS:
            _report(run, step, best)
            reported = time.monotonic()
        if time.monotonic() - saved > SAVE_SECONDS:
            _save(run, probe, optimiser, step, best, best_step)
            saved = time.monotonic()
    rate = 60.0 * (step - first_step) / spent if spent else math.inf
    return Trained(recipe.learning_rate, best, best_step, round(rate, 1))


def learning_rate_factor(recipe: ProbeConfig, step: int) -> float:
    """What the learning rate is multiplied by at a step, from 0; with a warm-up it rises, then falls, both linearly."""
    if not recipe.warmup:
        return 1.0
    if step < recipe.warmup:
        return step / recipe.warmup
    return (recipe.steps - step) / max(1, recipe.steps - recipe.warmup)


def update(run: Run, probe: Probe, optimiser: torch.optim.Optimizer, batches: Batches, step: int) -> None:
    probe.train()
    optimiser.zero_grad(set_to_none=True)
    for part in range(run.recipe.accumulate):
        batch = batches.at(step * run.recipe.accumulate + part).to(torch.device(run.device))
        output = probe(batch.values, batch.lengths)
        loss = run.task.loss(probe.head, output, batch, run.corpus) / run.recipe.accumulate
        loss.backward()
    norm = nn.utils.clip_grad_norm_(probe.parameters(), run.recipe.clip)
    # With a large learning rate a step may overflow; it is left out, as SUPERB's runner does.
    if torch.isfinite(norm):
        optimiser.step()


def _better(new: float, old: float, more_is_better: bool) -> bool:
    if math.isnan(old):
        return not math.isnan(new)
    return new > old if more_is_better else new < old


def _save(
    run: Run, probe: Probe, optimiser: torch.optim.Optimizer, step: int, best: dict[str, float], best_step: int
) -> None:
    with atomic_path(run.folder / STATE) as path:
        torch.save(
            {
                "probe": probe.state_dict(),
                "optimiser": optimiser.state_dict(),
                "step": step,
                "best": best,
                "best_step": best_step,
            },
            path,
        )


def _resume(run: Run, probe: Probe, optimiser: torch.optim.Optimizer) -> tuple[int, dict[str, float], int]:
    file = run.folder / STATE
    if not file.is_file():
        return 0, {}, 0
    try:
        state = torch.load(file, map_location=run.device, weights_only=True)
        probe.load_state_dict(state["probe"])
        optimiser.load_state_dict(state["optimiser"])
        return state["step"], state["best"], state["best_step"]
    except Exception as error:  # of damaged bytes anything may come
        raise CheckpointError(f"{file}: damaged ({type(error).__name__}); delete it to train from the start") from error


def _report(run: Run, step: int, best: dict[str, float]) -> None:
    """Leave a line for whoever watches several runs at once (see `grid`)."""
    with atomic_path(run.folder / "progress.json") as path:
        path.write_text(json.dumps({"step": step, "steps": run.recipe.steps, "best": best, "pid": os.getpid()}))
