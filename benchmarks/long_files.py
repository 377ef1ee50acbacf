"""Whether throughput holds for clips and for hours: the packaged model, prepared, on batches of 1 s to files of 1 h.

    python -m benchmarks.long_files [--batches 20x1 7x3] [--lengths 10 60 600 3600] [--dtype float32] [--threads 2]

Recordings of up to a minute are timed over so many repetitions that a minute of sound is processed; `20x1` is a batch
of twenty clips of one second. The types that --dtype names take turns.
"""

import argparse
import statistics
import time

import torch

from benchmarks.harness import peak_memory, save
from wavcube import WavCube


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", type=int, nargs="+", default=[10, 60, 600, 3600], help="seconds")
    parser.add_argument("--batches", nargs="*", default=["20x1", "7x3"], help="CLIPSxSECONDS")
    parser.add_argument("--dtype", nargs="+", default=["float32"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts; one from half an hour on")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    models = {dtype: WavCube.from_pretrained().optimize(dtype) for dtype in options.dtype}
    sizes = [(*map(int, batch.split("x")),) for batch in options.batches] + [(1, length) for length in options.lengths]
    rows = []
    for clips, seconds in sizes:
        speech = list(0.1 * torch.randn(clips, 16_000 * seconds))
        total = clips * seconds
        repetitions = max(1, 60 // total)
        runs = {f"{part} {dtype}": (part, dtype) for dtype in models for part in ("encode", "decode")}
        wall: dict[str, list[float]] = {name: [] for name in runs}
        cpu: dict[str, list[float]] = {name: [] for name in runs}
        latents = {dtype: model.encode(speech, 16_000) for dtype, model in models.items()} if total < 600 else {}
        for _ in range(options.rounds if total < 1_800 else 1):
            for name, (part, dtype) in runs.items():
                start, used = time.perf_counter(), time.process_time()
                for _ in range(repetitions):
                    if part == "encode":
                        latents[dtype] = models[dtype].encode(speech, 16_000)
                    else:
                        models[dtype].decode(latents[dtype])
                wall[name].append((time.perf_counter() - start) / repetitions)
                cpu[name].append((time.process_time() - used) / repetitions)
        rate = {name: total / statistics.median(values) for name, values in wall.items()}
        by_cpu = {name: total / statistics.median(values) for name, values in cpu.items()}
        peak = peak_memory()
        rows.append(
            {
                "clips": clips,
                "length_s": seconds,
                "x_real_time": rate,
                "x_real_time_by_cpu": by_cpu,
                "peak_memory_gib_so_far": peak,
            }
        )
        rates = ", ".join(f"{what} {rate[what]:.0f} ({by_cpu[what]:.0f})" for what in runs)
        print(
            f"{clips:3} x {seconds:5} s: {rates} x real time (by CPU time); memory so far {peak:.2f} GiB",
            flush=True,
        )
    print(save(f"long_files-{options.threads}-threads", {"model": "packaged", "seed": None, "rows": rows}))


if __name__ == "__main__":
    main()
