"""Encode and decode: the prepared model against the plain one and against the reference's algorithm.

    python -m benchmarks.representation [--preset full] [--seconds 10] [--threads 2] [--rounds 5]

Full size has random weights moved off their initial values; errors are relative L2 against the plain float32 model.
"""

import argparse
import copy
import resource
import time

import torch
from torch import Tensor

from benchmarks.harness import Timing, interleave, save
from benchmarks.reference import ReferenceDecoder, ReferenceEncoder
from wavcube import WavCube, WavCubeConfig


def build(preset: str) -> WavCube:
    """A model with random weights of a fixed seed."""
    torch.manual_seed(0)
    model = WavCube(WavCubeConfig.preset(preset))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    return model


def encode(model: WavCube, waveform: Tensor) -> Tensor:
    return model.compressor(model.encoder(waveform)[0]).latent


def distance(values: Tensor, reference: Tensor) -> float:
    return float((values.float() - reference).norm() / reference.norm())


def matrix_product_peak(dtype: torch.dtype, rounds: int = 10) -> float:
    """GFLOP/s of oneDNN's packed product of 2048 x 2048 x 2048, the best of several."""
    size = 2048
    values = torch.randn(size, size, dtype=dtype)
    packed = torch.ops.mkldnn._reorder_linear_weight(torch.randn(size, size, dtype=dtype))
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        torch.ops.mkldnn._linear_pointwise(values, packed, None, "none", [], "")
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="full")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plain = build(options.preset)
    fast, half = copy.deepcopy(plain).optimize(), copy.deepcopy(plain).optimize(torch.bfloat16)
    quarter = copy.deepcopy(plain).optimize(torch.int8)
    reference_encoder, reference_decoder = ReferenceEncoder(plain), ReferenceDecoder(plain)
    waveform = 0.1 * torch.randn(1, round(16_000 * options.seconds))
    latent = encode(plain, waveform)
    speech = plain.decoder(latent)
    errors = {
        "encode reference": distance(reference_encoder(waveform), latent),
        "encode float32": distance(encode(fast, waveform), latent),
        "encode bfloat16": distance(encode(half, waveform), latent),
        "encode int8": distance(encode(quarter, waveform), latent),
        "decode reference": distance(reference_decoder(latent), speech),
        "decode float32": distance(fast.decoder(latent), speech),
        "decode bfloat16": distance(half.decoder(latent.bfloat16()), speech),
        "decode int8": distance(quarter.decoder(latent), speech),
    }
    timings: dict[str, Timing] = {
        **interleave(
            {
                "encode reference": lambda: reference_encoder(waveform),
                "encode plain": lambda: encode(plain, waveform),
                "encode float32": lambda: encode(fast, waveform),
                "encode bfloat16": lambda: encode(half, waveform),
                "encode int8": lambda: encode(quarter, waveform),
            },
            options.rounds,
        ),
        **interleave(
            {
                "decode reference": lambda: reference_decoder(latent),
                "decode plain": lambda: plain.decoder(latent),
                "decode float32": lambda: fast.decoder(latent),
                "decode bfloat16": lambda: half.decoder(latent.bfloat16()),
                "decode int8": lambda: quarter.decoder(latent),
            },
            options.rounds,
        ),
    }
    rows = {}
    print(f"{'':20} {'wall s':>8} {'CPU s':>8} {'ratio':>6} {'CPU ratio':>9} {'x real time':>11} {'error':>9}")
    for name, timing in timings.items():
        base = timings[f"{name.split()[0]} reference"]
        ratio, cpu_ratio = base.wall / timing.wall, base.cpu / timing.cpu
        real_time = options.seconds / timing.wall
        rows[name] = {"timing": timing, "ratio": ratio, "cpu_ratio": cpu_ratio, "error": errors.get(name, 0.0)}
        print(
            f"{name:20} {timing.wall:8.3f} {timing.cpu:8.3f} {ratio:6.2f} {cpu_ratio:9.2f} {real_time:11.1f} "
            f"{errors.get(name, 0.0):9.1e}"
        )
    peaks = {str(dtype).removeprefix("torch."): matrix_product_peak(dtype) for dtype in (torch.float32, torch.bfloat16)}
    print("peak of oneDNN's packed matrix product:", ", ".join(f"{k} {v:.0f} GFLOP/s" for k, v in peaks.items()))
    path = save(
        f"representation-{options.preset}-{options.threads}-threads",
        {
            "preset": options.preset,
            "seconds": options.seconds,
            "rows": rows,
            "peak_gflops": peaks,
            "peak_memory_gib_all_variants": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        },
    )
    print(f"written to {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
