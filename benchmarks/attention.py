"""The parts of a prepared model's attention against what they take the place of, by themselves.

    python -m benchmarks.attention [--rounds 15]

16 heads of 64 channels, CPU time of one thread, medians of interleaved rounds; random values. Each row is one
optimisation (docs/performance.md), on the sizes that matter for it: batches of clips, 10 s and 20 s.
"""

import argparse
import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.harness import save
from wavcube.codec.blocks.attention import LocalAttention, Rotary, SelfAttention, causal_attention
from wavcube.codec.config import WavCubeConfig
from wavcube.codec.decoder import DecoderAttention
from wavcube.codec.inference.fused_decoder_attention import FusedDecoderAttention
from wavcube.codec.inference.half_attention import HalfLocalAttention, causal_half_attention, half_attention
from wavcube.codec.inference.onednn_attention import BlockAttention, block_attention, causal_block_attention

HEADS, WIDTH = 16, 64
SIZES = ((16, 64), (8, 160), (1, 512), (1, 1024))
"""Items and frames."""

Runs = dict[str, Callable[[], object]]


def attention(batch: int, frames: int, dtype: torch.dtype) -> Runs:
    """The encoder's, with its position bias."""
    query, key, value = torch.randn(3, batch, frames, HEADS, WIDTH, dtype=dtype).transpose(2, 3)
    gate, table = torch.rand(batch, HEADS, frames, 1, dtype=dtype), torch.randn(HEADS, 2 * frames - 1, dtype=dtype)
    scaled, lengths = query / math.sqrt(WIDTH), [frames] * batch
    bias = table.unfold(1, frames, 1)
    runs: Runs = {
        "torch": lambda: F.scaled_dot_product_attention(query, key, value, attn_mask=gate * bias),
        "one head at a time": lambda: block_attention(scaled, key, value, lengths, gate, table),
    }
    if dtype == torch.bfloat16:
        runs["several heads at once"] = lambda: half_attention(scaled, key, value, lengths, gate, table)
        strided = table.T.contiguous().T
        runs["the same, bias by head and not by distance"] = lambda: half_attention(
            scaled, key, value, lengths, gate, strided
        )
    return runs


def causal(batch: int, frames: int, dtype: torch.dtype) -> Runs:
    """The decoder's."""
    query, key, value = torch.randn(3, batch, frames, HEADS, WIDTH, dtype=dtype).transpose(2, 3)
    runs: Runs = {
        "torch": lambda: causal_attention(query, key, value),
        "one head at a time": lambda: causal_block_attention(query, key, value),
    }
    if dtype == torch.bfloat16:
        runs["several heads at once"] = lambda: causal_half_attention(query, key, value)
    return runs


def gate(batch: int, frames: int, dtype: torch.dtype) -> Runs:
    """The gate of the position bias."""
    plain = SelfAttention(WavCubeConfig.preset("full").encoder, owns_bias=False).to(dtype)
    fast = BlockAttention(plain)
    plain = SelfAttention(WavCubeConfig.preset("full").encoder, owns_bias=False).to(dtype)
    hidden = torch.randn(batch, frames, HEADS * WIDTH, dtype=dtype)
    return {"heads apart": lambda: plain._gate(hidden), "heads where they lie": lambda: fast._gate(hidden)}


def rotation(batch: int, frames: int, dtype: torch.dtype) -> Runs:
    """The decoder's attention without the attention itself: projections and rotary positions."""
    plain = DecoderAttention(HEADS * WIDTH, HEADS).to(dtype)
    fused = FusedDecoderAttention(plain)
    plain.output = fused.projections = fused.output = nn.Identity()  # type: ignore[assignment]
    plain.query = plain.key = plain.value = nn.Identity()  # type: ignore[assignment]
    hidden = torch.randn(batch, frames, HEADS * WIDTH, dtype=dtype)
    three = torch.cat([hidden] * 3, dim=-1)
    rotary = Rotary(frames, WIDTH, 1e4, hidden.device, dtype)

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return value

    return {
        "queries, then keys": lambda: plain(hidden, rotary, attend),
        "both at once": lambda: fused(three, rotary, attend),
    }


def local(batch: int, frames: int, dtype: torch.dtype) -> Runs:
    """The vocoder's, with 16 channels a head, at twice the frames."""
    query, key, value = torch.randn(3, batch, 2 * frames, HEADS, 16, dtype=dtype).transpose(2, 3)
    plain = LocalAttention(query, 40, 10)
    runs: Runs = {"torch": lambda: plain(query, key, value)}
    if dtype == torch.bfloat16:
        half = HalfLocalAttention(query, 40, 10)
        runs["written out, blocks that fill vectors"] = lambda: half(query, key, value)
    return runs


PARTS: dict[str, Callable[[int, int, torch.dtype], Runs]] = {
    "attention with position bias": attention,
    "causal attention": causal,
    "local attention": local,
    "gate of the position bias": gate,
    "rotary positions": rotation,
}


def measure(runs: Runs, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each, and how many times as fast as the first it is."""
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 2):
        for name, run in runs.items():
            start = time.thread_time()
            run()
            if turn > 1:
                spent[name].append(time.thread_time() - start)
    middle = {name: median(values) for name, values in spent.items()}
    first = next(iter(middle.values()))
    return {name: {"milliseconds": 1e3 * value, "ratio": first / value} for name, value in middle.items()}


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    result: dict[str, Any] = {"seed": 0}
    for part, build in PARTS.items():
        for dtype in (torch.float32, torch.bfloat16):
            for batch, frames in SIZES:
                name = f"{part}, {str(dtype).removeprefix('torch.')}, {batch} x {frames} frames"
                result[name] = measure(build(batch, frames, dtype), options.rounds)
                print(name)
                for variant, row in result[name].items():
                    print(f"  {variant:45} {row['milliseconds']:8.2f} ms, {row['ratio']:.2f} times as fast")
    print(save("attention", result))


if __name__ == "__main__":
    main()
