"""Make tests/fixtures/golden/formula.npz: python scripts/make_formula_golden.py GOLDEN

A tiny model whose weights and inputs are given by a formula, so that only results have to be stored: features, latent,
restored features, waveform and losses of both stages. They are made by this code, at a revision at which the
reference's own arrays in the folder GOLDEN agree with it to 1e-5 (`pytest tests/codec/test_golden.py` with
WAVCUBE_GOLDEN=GOLDEN; the script runs it first). The test that reads them needs no GOLDEN.
"""

import os
import subprocess
import sys

import numpy as np

from tests.codec.test_golden_formula import formula_results
from tests.locations import GOLDEN, REPOSITORY


def main(golden: str) -> None:
    test = [sys.executable, "-m", "pytest", "-q", "tests/codec/test_golden.py", "tests/training/test_stages.py"]
    subprocess.run(test, check=True, cwd=REPOSITORY, env={**os.environ, "WAVCUBE_GOLDEN": golden})
    target = GOLDEN / "formula.npz"
    np.savez_compressed(target, **formula_results())
    print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1])
