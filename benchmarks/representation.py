"""Encode and decode at full size: the prepared model against the plain one and against the reference's algorithm.

    python -m benchmarks.representation [--preset full] [--seconds 10] [--threads 1 2] [--rounds 5]

Random weights moved off their initial values (they have the speed of trained ones); errors are relative L2 against the
plain float32 model. The share of the peak is that of the linear layers alone: their floating point operations over the
time spent in them, against oneDNN's packed product of 2048 x 2048 x 2048 in the same run.
"""

import argparse
import copy
import os
import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from benchmarks.harness import Timing, interleave, save
from benchmarks.reference import ReferenceDecoder, ReferenceEncoder
from wavcube import WavCube, WavCubeConfig
from wavcube.codec.inference.onednn_linear import PackedLinear, can_pack

PREPARED = (torch.float32, torch.bfloat16, torch.int8)
"""What a model is prepared in here, where the processor multiplies in it: without AVX-512 there is no bfloat16."""


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


def named(dtypes: Iterable[torch.dtype]) -> dict[str, torch.dtype]:
    """Those of the types that oneDNN multiplies in on this processor, by name."""
    return {str(dtype).removeprefix("torch."): dtype for dtype in dtypes if can_pack(dtype)}


def matrix_product_peak(dtype: torch.dtype, rounds: int = 20, clock: Callable[[], float] = time.perf_counter) -> float:
    """GFLOP/s of oneDNN's packed product of 2048 x 2048 x 2048, the best of several."""
    size = 2048
    values = torch.randn(size, size, dtype=dtype)
    packed = torch.ops.mkldnn._reorder_linear_weight(torch.randn(size, size, dtype=dtype))
    best = float("inf")
    for _ in range(rounds):
        start = clock()
        torch.ops.mkldnn._linear_pointwise(values, packed, None, "none", [], "")
        best = min(best, clock() - start)
    return 2 * size**3 / best / 1e9


def linear_rate(part: nn.Module, run: Callable[[], object], rounds: int = 3) -> dict[str, float]:
    """GFLOP/s of the packed linear layers of `part` during `run`, and their share of its time; the best of several."""
    flops, spent, began = 0.0, 0.0, 0.0

    def before(*_: object) -> None:
        nonlocal began
        began = time.perf_counter()

    def after(layer: nn.Module, _: object, result: Tensor) -> None:
        nonlocal flops, spent
        assert isinstance(layer, PackedLinear)
        spent += time.perf_counter() - began
        flops += 2.0 * result.numel() * layer.in_features

    hooks = []
    for module in part.modules():
        if isinstance(module, PackedLinear):
            hooks += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    best = {"gflops": 0.0}
    for _ in range(rounds):
        flops = spent = 0.0
        start = time.perf_counter()
        run()
        rate = flops / spent / 1e9
        if rate > best["gflops"]:
            best = {"gflops": rate, "share_of_time": spent / (time.perf_counter() - start)}
    for hook in hooks:
        hook.remove()
    return best


class Variants:
    """One model in every form, and the recording that all of them work on."""

    def __init__(self, preset: str, seconds: float) -> None:
        plain = build(preset)
        self.reference = ReferenceEncoder(plain), ReferenceDecoder(plain)
        self.models = {"plain": plain} | {
            name: copy.deepcopy(plain).optimize(dtype) for name, dtype in named(PREPARED).items()
        }
        self.waveform = 0.1 * torch.randn(1, round(16_000 * seconds))
        self.latent = encode(plain, self.waveform)

    def runs(self) -> dict[str, Callable[[], Tensor]]:
        """What is timed, by name: the operation, then the form."""
        return {
            "encode reference": lambda: self.reference[0](self.waveform),
            **{f"encode {name}": lambda m=m: encode(m, self.waveform) for name, m in self.models.items()},  # type: ignore[misc]
            "decode reference": lambda: self.reference[1](self.latent),
            **{f"decode {name}": lambda m=m: m.decoder(self.latent.to(m.dtype)) for name, m in self.models.items()},  # type: ignore[misc]
        }


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="full")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    variants = Variants(options.preset, options.seconds)
    runs = variants.runs()
    exact = {operation: runs[f"{operation} plain"]() for operation in ("encode", "decode")}
    errors = {name: distance(run(), exact[name.split()[0]]) for name, run in runs.items()}
    result = {}
    for threads in options.threads:
        torch.set_num_threads(threads)
        dtypes = named((torch.float32, torch.bfloat16))
        peaks = {name: matrix_product_peak(dtype) for name, dtype in dtypes.items()}
        timings = interleave(runs, options.rounds)
        linears = {}
        for name, dtype in dtypes.items():
            model = variants.models[name]
            for operation, part in (
                ("encode", nn.ModuleList([model.encoder, model.compressor])),
                ("decode", model.decoder),
            ):
                linears[f"{operation} {name}"] = linear_rate(part, runs[f"{operation} {name}"])
            peaks[name] = max(peaks[name], matrix_product_peak(dtype))
        for name, rate in linears.items():
            rate["share_of_peak"] = rate["gflops"] / peaks[name.split()[1]]
        rows = {name: describe(timing, timings, errors, name, options.seconds) for name, timing in timings.items()}
        result[f"{threads} threads"] = {"rows": rows, "peak_gflops": peaks, "linears": linears}
        show(threads, rows, peaks, linears)
    path = save(
        f"representation-{options.preset}", {"preset": options.preset, "seconds": options.seconds, "seed": 0} | result
    )
    print(f"written to {path.relative_to(path.parents[2])}")


def describe(
    timing: Timing, timings: dict[str, Timing], errors: dict[str, float], name: str, seconds: float
) -> dict[str, object]:
    base = timings[f"{name.split()[0]} reference"]
    return {
        "timing": timing,
        "ratio": base.wall / timing.wall,
        "cpu_ratio": base.cpu / timing.cpu,
        "real_time": seconds / timing.wall,
        "error": errors[name],
    }


def show(
    threads: int, rows: dict[str, dict[str, object]], peaks: dict[str, float], linears: dict[str, dict[str, float]]
) -> None:
    print(
        f"\n{threads} threads: median, quartiles, times the reference by the clock and by CPU time, x real time, error"
    )
    for name, row in rows.items():
        timing = row["timing"]
        assert isinstance(timing, Timing)
        print(
            f"{name:17} {timing.wall:7.3f} s ({timing.wall_low:.3f} to {timing.wall_high:.3f}) "
            f"{row['ratio']:5.2f} {row['cpu_ratio']:5.2f} {row['real_time']:6.1f} {row['error']:8.1e}"
        )
    print("peak of oneDNN's packed product:", ", ".join(f"{k} {v:.0f} GFLOP/s" for k, v in peaks.items()))
    for name, rate in linears.items():
        print(
            f"{name:17} linear layers {rate['gflops']:4.0f} GFLOP/s, {100 * rate['share_of_peak']:.0f} % of that, "
            f"{100 * rate['share_of_time']:.0f} % of the time"
        )


if __name__ == "__main__":
    main()
