"""In the cloud a Zen 4 and a Zen 5 are both "AMD EPYC": `make bench-compare` set results of one against the other."""

import pytest

from wavcube.codec.inference import environment

CPUINFO = """processor\t: 0
cpu family\t: {family}
model\t\t: {model}
model name\t: AMD EPYC
flags\t\t: fpu avx2 avx512f
"""


def named(text: str, folder, monkeypatch: pytest.MonkeyPatch) -> str:
    path = folder / "cpuinfo"
    path.write_text(text)
    monkeypatch.setattr(environment, "CPUINFO", path)
    return environment.environment()["processor"]


def test_generations_of_one_name_differ(tmp_path, monkeypatch) -> None:
    older = named(CPUINFO.format(family=25, model=17), tmp_path, monkeypatch)
    newer = named(CPUINFO.format(family=26, model=2), tmp_path, monkeypatch)
    assert older == "AMD EPYC (family 25, model 17)"
    assert newer == "AMD EPYC (family 26, model 2)"


def test_processors_without_these_numbers_keep_their_name(tmp_path, monkeypatch) -> None:
    assert named("model name : Cortex\nFeatures : asimd\n", tmp_path, monkeypatch) == "Cortex"
