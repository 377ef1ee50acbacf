"""On a processor without AVX-512 the benchmarks stopped with a traceback after minutes: nothing is bfloat16 there."""

import sys

import pytest
import torch

from benchmarks import profile, representation


def can_pack_here(dtype: torch.dtype) -> bool:
    return dtype != torch.bfloat16


@pytest.fixture
def without_bfloat16(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """Such a processor, and what the benchmarks would have written."""
    saved = {}
    monkeypatch.setattr(representation, "can_pack", can_pack_here)
    for benchmark in (representation, profile):
        monkeypatch.setattr(benchmark, "matrix_product_peak", lambda dtype, **_: float(can_pack_here(dtype)))
        monkeypatch.setattr(
            benchmark, "save", lambda name, result: saved.update(result) or tmp_path / "benchmarks" / "results" / name
        )
    return saved


def run(benchmark, arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments.split()])
    threads = torch.get_num_threads()
    try:
        benchmark.main()
    finally:
        torch.set_num_threads(threads)


def test_representation(without_bfloat16, monkeypatch) -> None:
    run(representation, "--preset tiny --seconds 0.5 --threads 1 --rounds 1", monkeypatch)
    assert set(without_bfloat16["1 threads"]["peak_gflops"]) == {"float32"}
    assert {"encode int8", "encode float32"} <= set(without_bfloat16["1 threads"]["rows"])
    assert "encode bfloat16" not in without_bfloat16["1 threads"]["rows"]


def test_profile(without_bfloat16, monkeypatch) -> None:
    run(profile, "--presets tiny --seconds 0.5 --rounds 1", monkeypatch)
    assert set(without_bfloat16["peak_gflops"]) == {"float32"}
    kinds = {f"{way} {dtype}" for way in ("encode", "decode") for dtype in ("float32", "int8")}
    assert set(without_bfloat16["tiny"]["kinds"]) == kinds
