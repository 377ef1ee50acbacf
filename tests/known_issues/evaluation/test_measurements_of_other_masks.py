"""An evaluation that was gone on with after the masks had changed kept what it had measured of the former ones."""

import os
import subprocess
import sys

CODE = """
import sys
from wavcube.generation.regression import masks
masks.FINGERPRINT += sys.argv[1]
from wavcube.generation.enhancement.evaluation.systems import load_enhancement_systems
from wavcube.generation.separation.evaluation.systems import load_separation_systems
systems = [*load_enhancement_systems(["packaged"], {}), *load_separation_systems(["packaged"], {})]
print(*(system.fingerprint for system in systems), sep="\\n")
"""


def fingerprints(change: str) -> list[str]:
    arguments = [sys.executable, "-c", CODE, change]
    return subprocess.run(arguments, capture_output=True, text=True, check=True, env=os.environ).stdout.splitlines()


def test_systems_are_told_apart_by_their_masks() -> None:
    before, after = fingerprints(""), fingerprints(" changed")
    assert before == fingerprints("")
    assert len(before) == 2
    assert not set(before) & set(after)
