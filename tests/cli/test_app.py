import subprocess
import sys

import pytest

from tests.cli.conftest import Command


def test_help_does_not_wait_for_torch() -> None:
    script = """
import sys
from wavcube.cli import main
sys.argv = ["wavcube", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
heavy = {"torch", "numpy", "transformers", "soundfile", "safetensors"} & set(sys.modules)
assert not heavy, heavy
"""
    for arguments in (["--help"], ["encode", "--help"], ["--version"]):
        subprocess.run([sys.executable, "-c", script, *arguments], check=True, capture_output=True)


@pytest.mark.parametrize("command", ["encode", "decode", "reconstruct", "info", "demo"])
def test_every_command_explains_itself(wavcube: Command, command: str) -> None:
    assert command in wavcube("--help").out
    outcome = wavcube(command, "--help")
    assert outcome.code == 0
    assert "Usage" in outcome.out


@pytest.mark.parametrize(
    "arguments", [["encode"], ["encode", "a.wav"], ["encode", "a.wav", "-o", "x", "--format", "mp3"], ["sing"]]
)
def test_wrong_usage_is_code_2(wavcube: Command, arguments: list[str]) -> None:
    outcome = wavcube(*arguments)
    assert outcome.code == 2
    assert "Traceback" not in outcome.err


def test_the_module_is_the_command() -> None:
    outcome = subprocess.run([sys.executable, "-m", "wavcube", "--version"], check=True, capture_output=True, text=True)
    assert outcome.stdout.startswith("wavcube ")
