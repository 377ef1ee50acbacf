"""Whether throughput holds as recordings grow: the packaged model, prepared, on 10 s to 1 h.

    python -m benchmarks.long_files [--lengths 10 60 600 3600] [--threads 2] [--rounds 3]

Recordings of up to a minute are timed over so many repetitions that a minute of sound is processed.
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
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts; one from half an hour on")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = WavCube.from_pretrained().optimize()
    rows = []
    for seconds in options.lengths:
        speech = 0.1 * torch.randn(16_000 * seconds)
        repetitions = max(1, 60 // seconds)
        spent: dict[str, list[float]] = {"encode": [], "decode": []}
        latents = model.encode(speech, 16_000) if seconds < 600 else None
        for _ in range(options.rounds if seconds < 1_800 else 1):
            start = time.perf_counter()
            for _ in range(repetitions):
                latents = model.encode(speech, 16_000)
            middle = time.perf_counter()
            assert latents is not None
            for _ in range(repetitions):
                model.decode(latents)
            spent["encode"].append((middle - start) / repetitions)
            spent["decode"].append((time.perf_counter() - middle) / repetitions)
        rate = {part: seconds / statistics.median(values) for part, values in spent.items()}
        peak = peak_memory()
        rows.append({"length_s": seconds, "x_real_time": rate, "peak_memory_gib_so_far": peak})
        print(
            f"{seconds:5} s: encode {rate['encode']:.0f}, decode {rate['decode']:.0f} x real time; "
            f"memory so far {peak:.2f} GiB",
            flush=True,
        )
    print(save(f"long_files-{options.threads}-threads", {"model": "packaged", "seed": None, "rows": rows}))


if __name__ == "__main__":
    main()
