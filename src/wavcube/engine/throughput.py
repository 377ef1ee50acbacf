"""Means of what is logged between two lines of logs, and how fast it goes."""

import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from lightning.fabric import Fabric
from torch import Tensor

from wavcube.engine.fabric import reduce


class ThroughputMeter:
    """Adds up scalars on their device, so that logging waits for a GPU only when a line is due.

    Args:
        fabric: of the run.
        seconds: of audio in one batch of one process.
    """

    def __init__(self, fabric: Fabric, seconds: float) -> None:
        self._fabric, self._seconds = fabric, seconds
        self._sums: dict[str, tuple[Tensor, int]] = {}
        self._pending: list[Mapping[str, Tensor]] = []
        self._batches = 0
        self._waited = 0.0
        self._since = time.perf_counter()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around waiting for data."""
        begin = time.perf_counter()
        yield
        self._waited += time.perf_counter() - begin
        self._batches += 1

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Note scalars of the step at hand."""
        for name, value in values.items():
            total, count = self._sums.get(name, (torch.zeros((), device=value.device), 0))
            self._sums[name] = total + value, count + 1

    def forget(self) -> None:
        """Drop the scalars so far: one of them is not finite."""
        self._sums.clear()

    def restart(self) -> None:
        """Leave out of the speed what is not training (validation, checkpoints)."""
        self._batches, self._waited, self._since = 0, 0.0, time.perf_counter()

    def report(self, rate: float, nonfinite_steps: int, bad_files: int) -> tuple[dict[str, float], str]:
        """Means since the last report and the speed, by name, and a line of news; begins anew."""
        names = sorted(self._sums)
        values: dict[str, float] = {}
        if names:
            means = torch.stack([total / count for total, count in (self._sums[name] for name in names)])
            for name, mean in zip(names, reduce(self._fabric, means, "mean").tolist(), strict=True):
                values[name if "/" in name else f"train/{name}"] = mean
        elapsed = max(time.perf_counter() - self._since, 1e-9)
        speed = self._batches * self._seconds * self._fabric.world_size / elapsed
        values["speed/audio_seconds_per_second"] = speed
        values["speed/share_waiting_for_data"] = self._waited / elapsed
        values["speed/memory_gb"] = _peak_memory(self._fabric.device) / 1e9
        values["optimizer/rate"] = rate
        values["guard/nonfinite_steps"], values["guard/bad_recordings"] = nonfinite_steps, bad_files
        self._sums.clear()
        self.restart()
        shown = [f"{name.removeprefix('train/')} {value:.4g}" for name, value in values.items() if "train/" in name]
        return values, f"{' '.join(shown)} | {speed:.1f} s of audio a second"


def _peak_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)  # bytes there, kilobytes elsewhere
