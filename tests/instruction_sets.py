"""Which older processors this machine can stand for."""

import torch

from wavcube.codec.inference.environment import environment
from wavcube.codec.inference.onednn_linear import can_pack

ALLOWS = {"AVX2": "avx512f", "AVX512_CORE": "avx512_bf16", "AVX512_CORE_BF16": "amx_bf16"}
"""Values of ONEDNN_MAX_CPU_ISA, and what each keeps from a processor that has it; from others it keeps nothing."""

OLDER = [limit for limit, kept in ALLOWS.items() if kept in environment()["instruction sets"].split(", ")]
"""Those limits that make another machine of this one."""

HAS_BFLOAT16 = can_pack(torch.bfloat16)
"""Whether models prepared in bfloat16 have packed layers here; elsewhere they are plain ones in bfloat16."""
