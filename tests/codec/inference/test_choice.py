"""What is chosen on a machine, and that every machine's fast paths give the plain model's numbers."""

import json
import os
import subprocess
import sys

import pytest
import torch

from tests.instruction_sets import HAS_BFLOAT16, OLDER
from tests.locations import REPOSITORY
from wavcube.codec import WavCube, WavCubeConfig
from wavcube.codec.inference import choice, environment
from wavcube.codec.inference.choice import choose

CPU = torch.device("cpu")
XEON = {"avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8"}
EPYC = {"avx2", "avx512f", "avx512_vnni", "avx512_bf16"}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    def pretend(flags: set[str], limit: str = "") -> None:
        monkeypatch.setattr(environment, "_processor", lambda: ("a processor", flags))
        monkeypatch.setattr(choice, "can_pack", lambda dtype: "avx512f" in flags)
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)

    return pretend


@pytest.mark.parametrize(
    ("flags", "limit", "dtype", "words"),
    [
        (XEON, "", torch.bfloat16, "amx_bf16 multiplies"),
        (XEON, "AVX512_CORE_BF16", torch.bfloat16, "avx512_bf16 multiplies"),
        (EPYC, "", torch.bfloat16, "avx512_bf16 multiplies"),
        (EPYC, "avx512_core_vnni", torch.float32, "no instruction set here"),
        ({"avx2", "avx512f", "avx512_vnni"}, "", torch.float32, "no instruction set here"),
        ({"avx2"}, "", torch.float32, "no instruction set here"),
        (XEON, "AVX2", torch.float32, "no instruction set here"),
        (XEON, "A_LATER_NAME", torch.bfloat16, "amx_bf16 multiplies"),
    ],
)
def test_the_type_is_what_the_processor_multiplies_in(machine, flags, limit, dtype, words) -> None:
    machine(flags, limit)
    chosen = choose(CPU)
    assert chosen.dtype == dtype
    assert words in str(chosen)


def test_a_share_of_the_cores_is_a_bound_on_threads(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(EPYC)
    monkeypatch.setattr(choice, "usable_cores", lambda: 3)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    assert choose(CPU).threads == 3
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert choose(CPU).threads == 2


@pytest.mark.parametrize(("flags", "dtype"), [(EPYC, torch.bfloat16), ({"avx2"}, torch.float32)])
def test_auto_prepares_in_what_is_chosen(machine, flags, dtype) -> None:
    if dtype == torch.bfloat16 and not HAS_BFLOAT16:
        pytest.skip("this machine has no bfloat16")
    machine(flags)
    threads = torch.get_num_threads()
    model = WavCube(WavCubeConfig.preset("tiny")).optimize("auto")
    torch.set_num_threads(threads)
    assert model.optimized
    assert model.dtype == dtype


ELSEWHERE = """
import copy, json, torch
from tests.codec.inference.test_optimize import distance, plain_model
plain = plain_model()
clips = [0.1 * torch.randn(n) for n in (700, 16_000, 23_456, 80_000)]
with torch.inference_mode():
    latents = plain.encode(clips, 16_000)
    speech = plain.decode(latents)
    errors = {}
    for dtype in ("float32", "bfloat16", "int8", "auto"):
        fast = copy.deepcopy(plain).optimize(dtype)
        made = fast.encode(clips, 16_000)
        made.model_id = None
        again = [fast.encode(clip, 16_000).values[0] for clip in clips]
        alone = max(distance(one, row[: len(one)].float()) for one, row in zip(again, made.values))
        latents.model_id = None
        errors[dtype] = [distance(made.values, latents.values), distance(fast.decode(latents), speech), alone]
print(json.dumps(errors))
"""
BOUNDS = {"float32": 1e-5, "bfloat16": 5e-2, "int8": 0.15, "auto": 5e-2}
"""Of the relative L2 to the plain model; the small model's layers are narrower than those that the docs speak of."""


@pytest.mark.long
@pytest.mark.parametrize("limit", [*OLDER, "DEFAULT"])
def test_every_fast_path_equals_the_plain_one_on_other_instruction_sets(limit: str) -> None:
    made = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        cwd=REPOSITORY,
        env=os.environ | {"ONEDNN_MAX_CPU_ISA": limit},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-2000:]
    for dtype, errors in json.loads(made.stdout.splitlines()[-1]).items():
        assert max(errors) <= BOUNDS[dtype], (dtype, errors)
