"""How everything here is timed: variants interleaved in one process, medians and spread, the machine named."""

import json
import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass
class Timing:
    """Seconds of one variant: median and quartiles on the wall clock, median of the process's CPU time."""

    wall: float
    wall_low: float
    wall_high: float
    cpu: float
    rounds: int


def interleave(variants: Mapping[str, Callable[[], object]], rounds: int, *, warm_up: bool = True) -> dict[str, Timing]:
    """Time every variant once a round, after one round that does not count (`warm_up`)."""
    walls: dict[str, list[float]] = {name: [] for name in variants}
    cpus: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(0 if warm_up else 1, rounds + 1):
        for name, run in variants.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            if turn:
                walls[name].append(time.perf_counter() - wall)
                cpus[name].append(time.process_time() - cpu)
    timings = {}
    for name, values in walls.items():
        low, median, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
        timings[name] = Timing(median, low, high, statistics.median(cpus[name]), rounds)
    return timings


def machine() -> dict[str, Any]:
    """The processor, its cores, the load at this moment, and the versions that matter."""
    import torch
    import transformers

    from wavcube.codec.inference.environment import environment

    facts = environment()
    return {
        "processor": facts["processor"],
        "instruction_sets": facts["instruction sets"],
        "onednn": facts["oneDNN"],
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }


def peak_memory() -> float:
    """GiB: the largest resident set of this process so far, with the pages of files that are mapped."""
    status = Path("/proc/self/status")
    if (
        status.is_file()
    ):  # the kernel's other number, of getrusage, begins with that of the process that started this one
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def save(name: str, result: Mapping[str, Any]) -> Path:
    """Write a result to benchmarks/results/NAME.json beside its name and the machine's description."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"benchmark": name, "machine": machine(), **result}, indent=1, default=asdict) + "\n")
    return path
