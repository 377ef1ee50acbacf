"""Where the time goes: share and achieved rate of every kind of operation, in every precision.

    python -m benchmarks.profile [--presets full packaged] [--dtypes float32 bfloat16 int8] [--seconds 10] [--rounds 3]

Every operation of torch is timed by itself while a prepared model encodes and decodes one recording (a dispatch mode
around it), and counted under a kind by its name and by the module that calls it. Times are CPU times of one thread,
which the load of a shared machine changes less than the clock's. Rates are GFLOP/s of products, from
their shapes, and GB/s of the rest, from what is read and written. "between operations" is what remains of the time of
the same run without the mode: Python, and torch's way to its kernels.

Presets have random weights (they have the speed of trained ones); `packaged` is wavcube-nano.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.harness import save
from benchmarks.representation import PREPARED, build, matrix_product_peak, named
from wavcube import WavCube
from wavcube.codec.blocks.attention import SelfAttention
from wavcube.codec.decoder import DecoderAttention, Upsampler
from wavcube.codec.encoder import (
    ConvFeatureEncoder,
    ConvLayer,
    PositionConvolution,
    RelativeKeyAttention,
)
from wavcube.codec.encoder.whisper import WhisperFeatureEncoder
from wavcube.codec.inference.onednn_linear import PackedLinear, QuantizedLinear

LINEAR, CONVOLUTION, POSITION, ATTENTION = "linear", "convolution", "position convolution", "attention"
NORM, ACTIVATION, COPY, FOURIER, OTHER = "norm", "activation", "copies, conversions", "FFT and front end", "other"
BETWEEN = "between operations"
KINDS = (LINEAR, CONVOLUTION, POSITION, ATTENTION, NORM, ACTIVATION, COPY, FOURIER, OTHER, BETWEEN)

PRODUCTS = ("linear", "mm", "bmm", "baddbmm", "addmm", "matmul", "convolution", "conv1d", "conv_transpose1d")
ACTIVATIONS = ("gelu", "silu", "mish", "glu", "sigmoid", "tanh")
COPIES = ("copy", "clone", "contiguous", "_to_copy", "to", "cat", "stack", "pad", "flip", "index", "gather", "repeat")
FREE = ("view", "as_strided", "slice", "select", "transpose", "permute", "expand", "split", "unsqueeze", "squeeze", "t")
"""Operations by the beginnings of their names. Those that only change a view read and write nothing."""


@dataclass
class Row:
    """One kind: seconds, floating point operations of products, and bytes read and written."""

    seconds: float = 0.0
    flops: float = 0.0
    bytes: float = 0.0
    calls: int = 0


class Profile(TorchDispatchMode):
    """Times every operation, and keeps a row for each kind; modules are known by hooks while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, Row] = defaultdict(Row)
        self._modules: list[nn.Module] = []
        self._hooks: list[Any] = []

    def __enter__(self) -> "Profile":
        self._hooks = [
            register_module_forward_pre_hook(lambda module, _: self._modules.append(module)),
            register_module_forward_hook(lambda *_: self._left(), always_call=True),
        ]
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for hook in self._hooks:
            hook.remove()

    def _left(self) -> None:
        self._modules.pop()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        start = time.thread_time()
        result = func(*args, **(kwargs or {}))
        seconds = time.thread_time() - start
        name = func.overloadpacket.__name__
        row = self.rows[kind_of(name, self._modules)]
        row.seconds += seconds
        row.calls += 1
        row.flops += product_flops(name, args, result, self._modules[-1] if self._modules else None)
        if not name.startswith(FREE):
            row.bytes += sum(map(_size, _tensors((args, result))))
        return result


def kind_of(operation: str, modules: list[nn.Module]) -> str:
    """The kind of an operation within modules, the innermost last."""
    name = operation.lstrip("_")
    inside: Callable[..., bool] = lambda *kinds: any(isinstance(module, kinds) for module in modules)  # noqa: E731
    product = any(part in name for part in PRODUCTS)
    if name.startswith("fft") or "hann_window" in name:
        return FOURIER
    if "norm" in name:
        return NORM
    if name.startswith(ACTIVATIONS):
        return ACTIVATION
    if name.startswith(tuple(part.lstrip("_") for part in COPIES)) or "pad" in name:
        return COPY
    if product and inside(PositionConvolution):
        return POSITION
    if product and inside(ConvFeatureEncoder, WhisperFeatureEncoder, ConvLayer, Upsampler):
        return CONVOLUTION
    if inside(PackedLinear, QuantizedLinear, nn.Linear):
        return LINEAR
    if inside(SelfAttention, DecoderAttention, RelativeKeyAttention):
        return ATTENTION
    if product and inside(nn.Conv1d, nn.ConvTranspose1d):
        return CONVOLUTION
    # Inside a part of the network, what is added and scaled; outside, the front end's and the synthesis' arithmetic.
    return OTHER if len(modules) > 2 and not product else FOURIER


def product_flops(operation: str, args: tuple[Any, ...], result: Any, module: nn.Module | None) -> float:
    """Floating point operations of a product, by the shapes of what goes in and comes out; 0 of all else."""
    name = operation.lstrip("_")
    if not isinstance(result, Tensor | tuple | list):
        return 0.0
    tensors = _tensors(args)
    if "attention" in name:
        query, key, value = tensors[:3]
        return (
            2.0 * query.numel() * key.shape[-2]
            + 2.0 * query.numel() // query.shape[-1] * key.shape[-2] * value.shape[-1]
        )
    if not isinstance(result, Tensor) or not any(part in name for part in PRODUCTS):
        return 0.0
    if "conv" in name:
        # Every value that goes in, or comes out of a plain one, meets a row of the weight.
        transposed = "transpose" in name or (name == "convolution" and args[6])
        return 2.0 * (tensors[0] if transposed else result).numel() * tensors[1][0].numel()
    inner = tensors[1] if name in ("addmm", "baddbmm") else tensors[0]
    return 2.0 * result.numel() * inner.shape[-1]


def _tensors(values: Any) -> list[Tensor]:
    if isinstance(values, Tensor):
        return [values]
    return [tensor for value in values for tensor in _tensors(value)] if isinstance(values, tuple | list) else []


def _size(tensor: Tensor) -> float:
    return float(tensor.numel() * tensor.element_size())


def profile(run: Callable[[], object], rounds: int) -> tuple[float, dict[str, Row]]:
    """Seconds of a plain run, and the rows of a profiled one; the plain and the profiled runs alternate, medians."""
    run()
    plain, profiles = [], []
    for _ in range(rounds):
        start = time.thread_time()
        run()
        plain.append(time.thread_time() - start)
        with Profile() as current:
            run()
        profiles.append(current.rows)
    total = median(plain)
    rows = {}
    for kind in KINDS[:-1]:
        each = [rows_of[kind] for rows_of in profiles]
        if any(row.calls for row in each):
            first = each[0]
            rows[kind] = Row(median(row.seconds for row in each), first.flops, first.bytes, first.calls)
    spent = sum(row.seconds for row in rows.values())
    rows[BETWEEN] = Row(max(0.0, total - spent))
    return total, rows


def table(rows: dict[str, Row]) -> dict[str, dict[str, float]]:
    """Share of the time, and GFLOP/s or GB/s, of every kind."""
    whole = sum(row.seconds for row in rows.values())
    made = {}
    for kind, row in rows.items():
        facts: dict[str, float] = {"share": row.seconds / whole, "seconds": row.seconds, "calls": row.calls}
        if row.flops and row.seconds:
            facts["gflops"] = row.flops / row.seconds / 1e9
        elif row.bytes and row.seconds:
            facts["gb_per_s"] = row.bytes / row.seconds / 1e9
        made[kind] = facts
    return made


def show(tables: dict[str, dict[str, dict[str, float]]]) -> Iterable[str]:
    """Lines of Markdown: a kind a row, a run a column."""
    yield "| share of time, rate | " + " | ".join(tables) + " |"
    yield "| --- |" + " --- |" * len(tables)
    for kind in KINDS:
        cells = []
        for rows in tables.values():
            facts = rows.get(kind)
            if facts is None:
                cells.append("")
                continue
            rate = f", {facts['gflops']:.0f} GFLOP/s" if "gflops" in facts else ""
            rate = rate or (f", {facts['gb_per_s']:.1f} GB/s" if "gb_per_s" in facts else "")
            cells.append(f"{100 * facts['share']:.0f} %{rate}")
        if any(cells):
            yield f"| {kind} | " + " | ".join(cells) + " |"


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=["full", "packaged"], help="packaged, or a preset such as full")
    parser.add_argument("--dtypes", nargs="+", default=list(named(PREPARED)))
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    waveform = 0.1 * torch.randn(1, round(16_000 * options.seconds), generator=torch.Generator().manual_seed(0))
    peaks = {
        name: matrix_product_peak(dtype, clock=time.thread_time)
        for name, dtype in named((torch.float32, torch.bfloat16)).items()
    }
    result: dict[str, Any] = {"seconds": options.seconds, "seed": 0, "peak_gflops": peaks}
    for preset in options.presets:
        tables, totals = {}, {}
        for dtype in options.dtypes:
            model = (WavCube.from_pretrained() if preset == "packaged" else build(preset)).optimize(dtype)
            latent = model(waveform)[0]
            runs: dict[str, Callable[[], object]] = {
                f"encode {dtype}": lambda m=model: m(waveform),  # type: ignore[misc]
                f"decode {dtype}": lambda m=model, z=latent: m.synthesize(z),  # type: ignore[misc]
            }
            for name, run in runs.items():
                totals[name], rows = profile(run, options.rounds)
                tables[name] = table(rows)
        result[preset] = {"seconds_of_a_run": totals, "kinds": tables}
        print(f"\n{preset}, {options.seconds:g} s, one thread\n")
        print("\n".join(show(tables)))
    print("\npeak of oneDNN's packed product:", ", ".join(f"{k} {v:.0f} GFLOP/s" for k, v in peaks.items()))
    print(save("profile", result))


if __name__ == "__main__":
    main()
