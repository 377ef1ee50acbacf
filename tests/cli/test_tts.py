"""The commands as functions of a small application, as the whole one registers them."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from tests.generation.small import speech_flow
from tests.locations import SPEECH
from wavcube.audio.io import as_pcm16, audio_info
from wavcube.cli.tts import evaluate_tts, train_tts, tts
from wavcube.errors import WavCubeError
from wavcube.generation.flow.feature_codec import load_feature_codec
from wavcube.generation.tts import SolverSettings, TextToSpeech

PROMPT = SPEECH / "p287_002.flac"

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    app = typer.Typer()
    for name, command in (("tts", tts), ("train", train_tts), ("evaluate", evaluate_tts)):
        app.command(name)(command)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def speech_model(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speech-model")
    spec = f"wavcube:{model}"
    speech_flow(load_feature_codec(spec).describe(spec)).save_pretrained(folder)
    return folder


def speak(run: Run, speech_model: Path, out: Path, *more: object, text: str = "hello there.") -> Result:
    given = ("tts", text, "-p", PROMPT, "--prompt-text", "ask her to bring these things with her", "-m", speech_model)
    return run(*given, "-o", out, "--nfe", 2, "--guidance", 1, *more)


def test_a_text_becomes_a_file(run: Run, speech_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    result = speak(run, speech_model, out, "--seconds", 2)
    assert result.exit_code == 0, result.exception
    assert result.output == f"{out}: 2.00 s\n"
    assert audio_info(out).seconds == pytest.approx(2.0)
    text = tmp_path / "text.txt"
    text.write_text("one sentence. and another.\n")
    assert speak(run, speech_model, tmp_path / "long.flac", text=f"@{text}").exit_code == 0


def test_sentences_are_streamed_as_samples(run: Run, speech_model: Path) -> None:
    one = speak(run, speech_model, Path("-"), text="one sentence.")
    two = speak(run, speech_model, Path("-"), text="one sentence. and another.")
    assert two.exit_code == 0, two.exception
    assert two.stdout_bytes.startswith(one.stdout_bytes)
    samples = np.frombuffer(two.stdout_bytes, "<i2")
    assert np.abs(samples).max() > 0
    whole = TextToSpeech.from_pretrained(speech_model).optimize()
    voice = whole.voice(PROMPT, "ask her to bring these things with her")
    solver = SolverSettings(2, guidance=1)
    expected = np.concatenate(list(whole.stream("one sentence. and another.", voice, solver=solver)))
    np.testing.assert_array_equal(samples, as_pcm16(expected))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("-o", "-", "--seconds", "2"), "sentence by sentence"),
        (("-o", "nowhere/out.wav"), "the folder nowhere does not exist"),
        (("-o", "out.mp3"), "end the name in .wav or .flac"),
        (("--method", "heun"), "no solver"),
        (("--few-steps",), "not distilled"),
        (("-p", "none.wav"), "none.wav: no such file"),
        (("-m", "none"), "no such folder of a text-to-speech model"),
        (("--representation", "logmel"), "was trained on"),
        (("--device", "cuda"), "--device cuda"),
        (("--asr", "ears"), "not known"),
        (("--seconds", "nan"), "the duration is nan s"),
    ],
)
def test_mistakes_are_one_sentence(
    run: Run, speech_model: Path, tmp_path: Path, more: tuple[str, ...], message: str
) -> None:
    result = speak(run, speech_model, tmp_path / "out.wav", *more)
    assert isinstance(result.exception, WavCubeError)
    assert message in str(result.exception)
    assert not (tmp_path / "out.wav").exists()


def test_evaluation_writes_a_report_and_says_what_it_lacks(run: Run, speech_model: Path, tmp_path: Path) -> None:
    table = tmp_path / "list.tsv"
    table.write_text(f"prompt\tprompt_text\ttext\n{PROMPT}\task her to bring these things\thello there.\n")
    out = tmp_path / "results"
    result = run("evaluate", "--list", table, "-m", speech_model, "-o", out, "--nfe", 2, "--seeds", "0,1", "--timed", 1)
    assert result.exit_code == 0, result.exception
    assert "skipped wer: " in result.output
    assert "speaking rate" in result.output
    assert "median F0, less the prompt's" in result.output.replace("\n", " ") or "skipped prosody" in result.output
    assert "real time factor" in result.output
    assert (out / "report.html").is_file()
    wrong = run("evaluate", "--list", table, "-m", speech_model, "-o", out, "--seeds", "a")
    assert "numbers with commas" in str(wrong.exception)


def test_training_needs_a_recipe(run: Run, tmp_path: Path) -> None:
    assert "name a recipe" in str(run("train", "--out", tmp_path / "run").exception)


def test_importing_the_commands_does_not_import_torch() -> None:
    import subprocess

    code = "import sys, wavcube.cli.tts; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
