"""Wheel and sdist: built, installed apart from the repository, and run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.locations import REPOSITORY


def run(*command: str | Path, where: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=where, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, where=REPOSITORY)
    return folder


@pytest.mark.parametrize("pattern", ["*.whl", pytest.param("*.tar.gz", marks=pytest.mark.long)])
def test_what_is_installed_runs_without_the_repository(distributions: Path, tmp_path: Path, pattern: str) -> None:
    """In an environment of its own, which sees this one's libraries but not the package in it."""
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment, where=tmp_path)
    python = environment / "bin/python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", where=tmp_path).strip())
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "libraries.pth").write_text("\n".join(libraries) + "\n")
    (distribution,) = distributions.glob(pattern)
    pip = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--ignore-installed")
    run(python, *pip, distribution, where=tmp_path)
    home = run(python, "-c", "import wavcube; print(wavcube.__file__)", where=tmp_path).strip()
    assert Path(home).is_relative_to(packages)
    run(environment / "bin/wavcube", "demo", where=tmp_path)
    assert (tmp_path / "demo-output").is_dir()
    recipe = run(
        python,
        "-c",
        "from wavcube.configuration.recipes import find_recipe; print(find_recipe('nano'))",
        where=tmp_path,
    )
    assert Path(recipe.strip()).is_relative_to(packages)
    assert len(list(packages.rglob("*.safetensors"))) >= 3
