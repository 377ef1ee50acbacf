"""Seconds to load, and the most memory that encoding and decoding one clip takes; every case in a process of its own.

    python -m benchmarks.memory [--preset full] [--seconds 10]

A checkpoint with random weights is written to a temporary folder first; its file is in the page cache when it is read.
Memory is the process's largest resident set, with Python and torch, and with the pages of the file that are mapped.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time

import torch

from benchmarks.harness import peak_memory, save
from wavcube import WavCube

CASES = ("plain", "float32", "bfloat16", "int8")


def measure(case: str, folder: str, seconds: float) -> None:
    """In a process of its own: prints what it took as JSON."""
    start = time.perf_counter()
    model = WavCube.from_pretrained(None if folder == "packaged" else folder)
    if case != "plain":
        model.optimize(getattr(torch, case))
    loaded = time.perf_counter() - start
    after = peak_memory()
    model.reconstruct(0.1 * torch.randn(round(16_000 * seconds)), 16_000)
    peak = peak_memory()
    print(json.dumps({"load_s": loaded, "gib_after_loading": after, "gib_at_most": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="full", help="or packaged")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--case", nargs=2, metavar=("CASE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        case, folder = options.case
        measure(case, folder, options.seconds)
        return
    from benchmarks.representation import build  # with the reference and its libraries, which no case shall hold

    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        if options.preset != "packaged":
            build(options.preset).save_pretrained(folder)
        for case in CASES:
            source = "packaged" if options.preset == "packaged" else folder
            command = [sys.executable, "-m", "benchmarks.memory", "--seconds", str(options.seconds)]
            made = subprocess.run([*command, "--case", case, source], check=True, capture_output=True, text=True)
            rows[case] = json.loads(made.stdout)
            print(case, {key: round(value, 2) for key, value in rows[case].items()}, flush=True)
    print(save(f"memory-{options.preset}", {"seconds": options.seconds, "rows": rows}))


if __name__ == "__main__":
    main()
