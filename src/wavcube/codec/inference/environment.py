"""The machine that a model runs on: processor, instruction sets, and versions of the libraries that choose kernels."""

import os
import platform
import re
from pathlib import Path

import torch

INSTRUCTION_SETS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "bf16",
)
"""Flags of a processor that decide which kernels oneDNN takes, as Linux names them."""

_LIMITS = (
    ("SSE41", ()),
    ("AVX", ()),
    ("AVX2", ("avx2",)),
    ("AVX2_VNNI", ()),
    ("AVX2_VNNI_2", ()),
    ("AVX512_CORE", ("avx512f",)),
    ("AVX512_CORE_VNNI", ("avx512_vnni",)),
    ("AVX512_CORE_BF16", ("avx512_bf16",)),
    ("AVX512_CORE_FP16", ()),
    ("AVX10_1_512", ()),
    ("AVX512_CORE_AMX", ("amx_tile", "amx_bf16", "amx_int8")),
)
"""Values of ONEDNN_MAX_CPU_ISA, and what each allows beside what those before it allow."""


CPUINFO = Path("/proc/cpuinfo")


def environment() -> dict[str, str]:
    """Facts by name: processor, cores, threads, instruction sets, devices, and versions of torch and oneDNN."""
    processor, flags = _processor()
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    facts = {
        "processor": processor,
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "instruction sets": ", ".join(name for name in INSTRUCTION_SETS if name in flags) or "not known",
        "torch": torch.__version__,
        "oneDNN": _onednn_version(),
        "accelerators": ", ".join(devices) or "none",
    }
    if limit := os.environ.get("ONEDNN_MAX_CPU_ISA"):
        facts["ONEDNN_MAX_CPU_ISA"] = limit
    return facts


def usable_instruction_sets() -> set[str]:
    """Those of `INSTRUCTION_SETS` that this processor has and oneDNN may use; $ONEDNN_MAX_CPU_ISA forbids some."""
    usable = _processor()[1] & set(INSTRUCTION_SETS)
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    names = [name for name, _ in _LIMITS]
    if limit in names:
        usable -= {flag for _, flags in _LIMITS[names.index(limit) + 1 :] for flag in flags}
    return usable


def usable_cores() -> int:
    """Processors that this process may run on, by its affinity and by the quota of its control group."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = Path("/sys/fs/cgroup/cpu.max")
    try:
        most, period = quota.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cores
    return cores if most == "max" else max(1, min(cores, int(most) // int(period)))


def _processor() -> tuple[str, set[str]]:
    name, flags = platform.processor() or platform.machine(), set[str]()
    if CPUINFO.is_file():
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"^model name\s*: (.+)$", text, re.M):
            name = found[1].strip()
            # Machines in the cloud often hide the rest of the name: a Zen 4 and a Zen 5, whose products differ by a
            # factor of two, are then both "AMD EPYC".
            generation = [re.search(rf"^{key}\s*: (\d+)$", text, re.M) for key in ("cpu family", "model")]
            if all(generation):
                name += " (family {}, model {})".format(*(number[1] for number in generation if number))
        if found := re.search(r"^(?:flags|Features)\s*: (.+)$", text, re.M):
            flags = set(found[1].split())
    return name, flags


def _onednn_version() -> str:
    if not torch.backends.mkldnn.is_available():
        return "not available"
    found = re.search(r"MKL-DNN v(\S+)", torch.__config__.show())
    return found[1] if found else "unknown version"
