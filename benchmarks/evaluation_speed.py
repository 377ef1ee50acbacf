"""How long the evaluation takes: 100 clips of 10 s, five metrics, two processes.

    python -m benchmarks.evaluation_speed [--clips 100] [--processes 2]

The clips are the real speech in tests/fixtures/speech in random order; they go through Opus at 12 kb/s, made before,
so that the time is the metrics' own: reading both files, starting the workers, STOI, PESQ-WB, SI-SDR, F0 and DNSMOS,
and the table of results. The goal is four minutes on two cores. On a machine that does other things too, the CPU time
says what it would take on an idle one: divided by the number of processes, at best.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.harness import save
from wavcube.audio.io import load_audio, save_audio
from wavcube.evaluation.metrics import Recording
from wavcube.reconstruction import choose_metrics, evaluate, load_system, read_clips

SPEECH = Path(__file__).parent.parent / "tests" / "data" / "speech"
METRICS = ["stoi", "pesq_wb", "si_sdr", "pitch", "dnsmos"]
RATE, SECONDS, GOAL_S = 16_000, 10, 240.0


def write_clips(folder: Path, count: int) -> None:
    """`folder/original` and `folder/opus-12`, `count` clips of 10 s each."""
    random = np.random.default_rng(0)
    speech = [load_audio(path) for path in sorted(SPEECH.iterdir()) if path.suffix in {".flac", ".opus"}]
    codec = load_system("opus-12")
    for name in ("original", "opus-12"):
        (folder / name).mkdir()
    for number in range(count):
        clip = np.concatenate([speech[i] for i in random.permutation(len(speech))])
        clip = np.resize(clip, SECONDS * RATE)
        save_audio(folder / "original" / f"{number:03d}.flac", clip, RATE)
        (made,) = codec.reconstruct([Recording(clip, RATE)])
        save_audio(folder / "opus-12" / f"{number:03d}.flac", made.waveform, RATE)


def cpu_seconds() -> float:
    """Of this process and its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_clips(folder, arguments.clips)
        cpu, wall = cpu_seconds(), time.perf_counter()
        table = evaluate(
            [load_system(f"files:{folder / 'opus-12'}")],
            read_clips(folder / "original"),
            choose_metrics(METRICS).metrics,
            folder / "out",
            processes=arguments.processes,
            show_progress=True,
        )
        wall, used = time.perf_counter() - wall, cpu_seconds() - cpu
    means = {column: float(table[column].mean()) for column in ("stoi", "pesq_wb", "si_sdr", "dnsmos_ovrl")}
    results = {
        "clips": arguments.clips,
        "seconds_each": SECONDS,
        "metrics": METRICS,
        "processes": arguments.processes,
        "wall_s": wall,
        "cpu_s": used,
        "goal_s": GOAL_S,
        "means": means,
    }
    print(f"{arguments.clips} clips of {SECONDS} s: {wall:.0f} s wall, {used:.0f} s CPU; means {means}")
    save("evaluation_speed", results)


if __name__ == "__main__":
    main()
