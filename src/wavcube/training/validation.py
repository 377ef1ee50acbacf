"""Validation on held-out clips: the objective's measures, STOI, PESQ, and examples as audio and spectrograms."""

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from wavcube.data.streaming import Batch, build_loader
from wavcube.engine.fabric import reduce
from wavcube.engine.trainable import Measured, Validation
from wavcube.errors import DataError, MissingDependencyError
from wavcube.training.config import TrainConfig
from wavcube.training.crops import CropObjective

if TYPE_CHECKING:
    from collections.abc import Iterable

SAMPLE_RATE = 16_000


class HeldOut(Validation):
    """Held-out clips, read once and kept in memory (a second takes 64 kB), each process its share."""

    at_start = True

    def __init__(self, config: TrainConfig, fabric: Fabric, objective: CropObjective) -> None:
        self.config, self.every = config.validation, config.validation.every
        self.fabric, self.objective = fabric, objective
        loader = build_loader(
            config.validation_data,
            crop_samples=round(config.validation.crop_seconds * SAMPLE_RATE),
            batch_size=config.validation.batch_size,
            seed=config.run.seed,
            rank=fabric.global_rank,
            world_size=fabric.world_size,
            workers=0,
            train=False,
        )
        self.batches = _first_clips(loader, self._share(self.config.clips, fabric))
        self.scored = self._share(self.config.metric_clips, fabric) or 0
        if not self.batches:
            raise DataError("validation_data: there are fewer clips than processes; each needs one of its own")
        # A forward pass of sharded networks needs all processes, so all make as many.
        self.passes = int(reduce(fabric, torch.tensor(float(len(self.batches)), device=fabric.device), "max"))

    @staticmethod
    def _share(clips: int, fabric: Fabric) -> int | None:
        return -(-clips // fabric.world_size) if clips else None

    def measure(self, networks: nn.Module, step: int) -> Measured:
        """The objective's measures and, on some clips, STOI and PESQ: means over the clips of all processes."""
        fabric, objective = self.fabric, self.objective
        totals: dict[str, list[float]] = {}
        shown: list[tuple[str, Tensor, Tensor]] = []
        scored = 0
        for i in range(self.passes):
            batch = self.batches[min(i, len(self.batches) - 1)].to(fabric.device)
            output = networks(**objective.inputs(batch))
            if i >= len(self.batches):
                continue
            for name, value in objective.measure(batch, output).items():
                totals.setdefault(name, [0.0, 0.0])
                totals[name][0] += float(value) * len(batch)
                totals[name][1] += len(batch)
            if "audio" not in output:
                continue
            for name, length, recording, decoded in zip(
                batch.names, batch.lengths.tolist(), batch.waveform.cpu(), output["audio"].float().cpu(), strict=True
            ):
                pair = recording[:length], decoded[:length]
                if scored < self.scored:
                    _add_speech_metrics(totals, *(waveform.numpy() for waveform in pair))
                    scored += 1
                if len(shown) < self.config.shown_clips:
                    shown.append((name, *pair))
        values = {f"validation/{name}": value for name, value in _mean_over_processes(fabric, totals).items()}
        return Measured(values, f"validation/{self.config.best_by}", shown)


def _first_clips(loader: "Iterable[Batch]", most: int | None) -> list[Batch]:
    batches, clips = [], 0
    for batch in loader:
        if most is not None and clips + len(batch) > most:
            keep = most - clips
            batch = Batch(batch.waveform[:keep], batch.lengths[:keep], batch.names[:keep])
        if len(batch):
            batches.append(batch)
            clips += len(batch)
        if most is not None and clips >= most:
            break
    return batches


def _add_speech_metrics(totals: dict[str, list[float]], recording: np.ndarray, decoded: np.ndarray) -> None:
    """STOI and wide-band PESQ of a clip, where they are defined: both need some tenths of a second of speech."""
    try:
        from pesq import NoUtterancesError, pesq
        from pystoi import stoi
    except ImportError as error:
        raise MissingDependencyError(
            'validation measures PESQ and STOI: pip install "wavcube[train]", or set validation.metric_clips=0'
        ) from error
    if len(recording) < SAMPLE_RATE // 2:
        return
    values = {"stoi": float(stoi(recording, decoded, SAMPLE_RATE))}
    with suppress(NoUtterancesError, ValueError):  # ValueError: a decoder that still gives silence
        values["pesq"] = float(pesq(SAMPLE_RATE, recording, decoded, "wb"))
    for name, value in values.items():
        totals.setdefault(name, [0.0, 0.0])
        totals[name][0] += value
        totals[name][1] += 1


def _mean_over_processes(fabric: Fabric, totals: dict[str, list[float]]) -> dict[str, float]:
    names = sorted({*totals, "stoi", "pesq"})  # the same on all processes, whatever each of them could measure
    sums = torch.tensor([totals.get(name, [0.0, 0.0]) for name in names], device=fabric.device)
    sums = reduce(fabric, sums, "sum")
    return {name: float(total / count) for name, (total, count) in zip(names, sums.cpu(), strict=True) if count > 0}
