"""The code in README and docs: Python and commands run on recordings of the repository, or say why they do not."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile
import torch
import typer

from tests.documents.pages import PAGES, Block, blocks
from tests.locations import REPOSITORY, SPEECH
from wavcube import load_audio
from wavcube.cli.app import app
from wavcube.configuration.recipes import find_recipe

BLOCKS = [block for page in PAGES for block in blocks(page)]
LANGUAGES = {"bash", "python", "text", "yaml", "json"}
OPERATOR = re.compile(r"[|;&()<>]+")


def of(language: str, run: bool) -> list[Block]:
    return [block for block in BLOCKS if block.language == language and bool(block.not_run) != run]


def test_every_block_names_its_language() -> None:
    assert [str(block) for block in BLOCKS if block.language not in LANGUAGES] == []


def commands(block: Block) -> list[list[str]]:
    """The arguments of every `wavcube ...` in a block."""
    found = []
    for line in re.sub(r"\\\n\s*", " ", block.text).split("\n"):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
        for start, word in enumerate(words):
            if word == "wavcube" and (start == 0 or words[start - 1] == "-m" or "=" in words[start - 1]):
                rest = words[start + 1 :]
                end = next((i for i, other in enumerate(rest) if OPERATOR.fullmatch(other)), len(rest))
                found.append(rest[:end])
    return found


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "bash"], ids=str)
def test_commands_and_options_exist(block: Block) -> None:
    for arguments in commands(block):
        command: click.Command = typer.main.get_command(app)
        context = click.Context(command, info_name="wavcube")
        while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
            name, *arguments = arguments
            found = command.get_command(context, name)
            assert found is not None, f"wavcube has no command {name}"
            command, context = found, click.Context(found, parent=context, info_name=name)
        command.make_parser(context).parse_args(list(arguments))
        for option, value in pairwise(arguments):
            if option == "--recipe" and not value.startswith(("MY", "my")):
                assert (REPOSITORY / value).is_file() if value.endswith(".yaml") else find_recipe(value), value


def lay_out(folder: Path) -> None:
    """The recordings that pages speak of, under their names."""
    shutil.copy(SPEECH / "p287_002.flac", folder / "speech.flac")
    for name, clip in (("a.wav", "328-129766-0000"), ("voice.wav", "LJ001-0013"), ("b.mp3", "8226-274369-0000")):
        soundfile.write(folder / name, load_audio(SPEECH / f"{clip}.opus", 16_000), 16_000)
    waveform = load_audio(folder / "speech.flac", 16_000)
    noise = np.random.default_rng(0).standard_normal(len(waveform)).astype(np.float32)
    soundfile.write(folder / "noisy.wav", waveform + 0.02 * noise, 16_000)
    known = load_audio(folder / "voice.wav", 16_000)[: len(waveform)]
    soundfile.write(folder / "known.wav", known, 16_000)
    soundfile.write(folder / "mix.wav", waveform[: len(known)] + known, 16_000)
    (folder / "recordings").mkdir()
    for clip in ("118-121721-0000", "2764-36616-0000", "328-129766-0000"):
        soundfile.write(folder / "recordings" / f"{clip}.wav", load_audio(SPEECH / f"{clip}.opus", 16_000), 16_000)


@pytest.mark.long
@pytest.mark.parametrize("page", sorted({block.page for block in of("python", True)}), ids=lambda page: page.name)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page, one after the other, with the names of those before."""
    lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    names: dict = {"__name__": "__main__"}
    for block in of("python", True):
        if block.page == page:
            for code in (block.before, block.text):
                exec(compile("\n" * block.line + code, str(page), "exec"), names)


@pytest.mark.long
@pytest.mark.parametrize("page", sorted({block.page for block in of("bash", True)}), ids=lambda page: page.name)
def test_commands_run(page: Path, tmp_path: Path) -> None:
    """The commands of a page, one after the other, in one folder."""
    lay_out(tmp_path)
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "wavcube").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m wavcube "$@"\n')
    (binaries / "wavcube").chmod(0o755)
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
    for block in of("bash", True):
        if block.page == page:
            run = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block.text],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert run.returncode == 0, f"{block}\n{run.stdout}\n{run.stderr}"
