"""What `optimize("auto")` and `--fast` choose on this machine: the type to compute in, and the threads.

By its instruction sets and not by trial, so that a machine gives the same numbers every time.
"""

from dataclasses import dataclass

import torch

from wavcube.codec.inference.environment import usable_cores, usable_instruction_sets
from wavcube.codec.inference.onednn_linear import can_pack

HALF_PRECISION = ("amx_bf16", "avx512_bf16", "bf16")
"""Instruction sets that multiply in bfloat16. Without them oneDNN makes float32 of it first, and is slower."""

NO_INT8 = "int8 is left to whoever asks for it: its error is several times larger"


@dataclass(frozen=True)
class Choice:
    """How to compute, and why.

    Attributes:
        dtype: float32 or bfloat16.
        threads: of torch, where it computes on the CPU.
        reason: a clause for people.
    """

    dtype: torch.dtype
    threads: int
    reason: str

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{str(self.dtype).removeprefix('torch.')}, {threads}: {self.reason}"


def choose(device: torch.device) -> Choice:
    """The choice for models on `device`."""
    threads = min(torch.get_num_threads(), usable_cores())
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Choice(torch.bfloat16, threads, "this GPU multiplies in bfloat16")
        return Choice(torch.float32, threads, "this GPU has no bfloat16")
    if device.type != "cpu":
        return Choice(torch.float32, threads, f"other types are not measured on {device.type}")
    usable = usable_instruction_sets()
    found = next((name for name in HALF_PRECISION if name in usable), None)
    if found is not None and can_pack(torch.bfloat16):
        return Choice(torch.bfloat16, threads, f"{found} multiplies in bfloat16; {NO_INT8}")
    return Choice(torch.float32, threads, f"no instruction set here multiplies in bfloat16; {NO_INT8}")
