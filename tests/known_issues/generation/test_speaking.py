# ruff: noqa: RUF001 (signs and letters that look like others)
"""Text to speech, as new users found it: content lost in silence, sayable texts refused, wrong loudness and edges."""

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.generation.small import speech_flow
from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.cli.app import app
from wavcube.codec import WavCube, WavCubeConfig
from wavcube.errors import AudioError
from wavcube.generation.flow.feature_codec import load_feature_codec
from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.tts.durations.average_durations import AverageDurations
from wavcube.generation.tts.loudness import speech_level
from wavcube.generation.tts.model import FlowMatchingTTS
from wavcube.generation.tts.pipeline import TextToSpeech, prepare
from wavcube.generation.tts.text.frontend import TextError

pytest.importorskip("gruut")
pytest.importorskip("num2words")

PROMPT = SPEECH / "p287_002.flac"
FAST = SolverSettings(2, guidance=0.0)


@pytest.fixture(scope="module")
def reader() -> FlowMatchingTTS:
    return FlowMatchingTTS.from_pretrained("packaged")


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> TextToSpeech:
    folder = tmp_path_factory.mktemp("wavcube")
    WavCube(WavCubeConfig.preset("tiny")).save_pretrained(folder)
    latents = load_feature_codec(f"wavcube:{folder}")
    return TextToSpeech(speech_flow(latents.describe("wavcube"), text_alignment="duration"), latents)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1990s", "nineteen nineties"), ("80s", "eighties"), ("$5M", "five million dollars"),
        ("$1.5 billion", "one point five billion dollars"), ("v2.0", "version two point zero"),
        ("3.5x", "three point five times"), ("007", "zero zero seven"), ("09", "zero nine"),
        ("23:59", "twenty three fifty nine"), ("km kg MHz °C", "kilometers kilograms megahertz degrees celsius"),
        ("2 + 2 = 4", "two plus two equals four"), ("and/or", "and or"), ("he/she", "he or she"), ("café", "cafe"),
        ("naïve", "naive"), ("NASA", "nasa"), ("He is at NASA now", "he is at nasa now"), ("XIV", "fourteen"),
        ("St. John", "saint john"), ("camelCase", "camel case"), ("1/2", "one half"), ("½", "one half"),
        ("24/7", "twenty four seven"), ("50€", "fifty euros"), ("~5", "about five"), ("#1", "number one"),
        ("**Bold** and <emphasis>loud</emphasis>", "bold and loud"),
    ],
)  # fmt: skip
def test_nothing_is_lost_in_silence(reader: FlowMatchingTTS, written: str, said: str) -> None:
    expected = reader.text_frontend(said)
    assert reader.text_frontend(prepare(written, reader, strict=True).text) == expected
    assert reader.vocabulary.unknown(expected) == []


@pytest.mark.parametrize(
    ("written", "letters"),
    [("USA", "j ˈu   ˈɛ s   ˈeɪ"), ("CEO", "s ˈi   ˈi   ˈoʊ"), ("AI", "ˈeɪ   ˈaɪ"), ("R&D", "ˈɑ ɹ   ˈæ n d   d ˈi"),
     ("AT&T", "ˈeɪ   t ˈi   ˈæ n d   t ˈi"), ("GPUs", "d͡ʒ ˈi   p ˈi   j ˈu z")],
)  # fmt: skip
def test_initialisms_are_spelt(reader: FlowMatchingTTS, written: str, letters: str) -> None:
    tokens = reader.text_frontend(prepare(written, reader, strict=True).text)
    assert " ".join(tokens).split() == letters.split()


def test_what_cannot_be_said_is_reported_once_and_the_rest_is_spoken(
    reader: FlowMatchingTTS, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        spoken = prepare("今天是Monday, 今天是!", reader)
    assert reader.text_frontend(spoken.text) == reader.text_frontend("Monday,!")
    assert [record.message for record in caplog.records] == ["not spoken: '今天是' at character 1"]
    with pytest.raises(TextError, match="cannot be spoken: '今天是' at character 1"):
        prepare("今天是Monday", reader, strict=True)
    with pytest.raises(TextError, match="nothing of the text can be spoken: '你好'"):
        prepare("你好", reader)


@pytest.mark.parametrize("text", [None, b"bytes", 5])
def test_what_is_no_text_is_said(reader: FlowMatchingTTS, text: object) -> None:
    with pytest.raises(TextError, match="give a string"):
        prepare(text, reader)  # type: ignore[arg-type]


def test_a_speed_that_leaves_no_room_is_refused(speaker: TextToSpeech) -> None:
    """The prompt's frames were counted as room for the text, and noise was written."""
    with pytest.raises(TextError, match=r"the text needs \d+ frames at least, its duration has"):
        speaker.speak("bring these things", speaker.voice(PROMPT), speed=10, solver=FAST)


def test_a_long_prompt_leaves_sentences_whole(speaker: TextToSpeech) -> None:
    waveform = load_audio(PROMPT)
    long = np.tile(waveform, 1 + 18 * 16_000 // len(waveform))[: 18 * 16_000]
    calls: list[tuple[int, int]] = []
    text = "ask her to bring these things with her from the store, and then come back to us here."
    speaker.speak(text, speaker.voice(long, sample_rate=16_000), solver=FAST, progress=lambda *done: calls.append(done))
    assert calls[-1] == (1, 1)


def test_opposite_channels_are_no_silence(speaker: TextToSpeech, tmp_path: Path) -> None:
    import soundfile

    waveform = load_audio(PROMPT)
    soundfile.write(tmp_path / "opposite.wav", np.stack([waveform, -waveform], 1), 16_000)
    with pytest.warns(match="cancel"):
        assert speaker.voice(tmp_path / "opposite.wav").level > 0


def test_a_prompt_of_noise_is_warned_of(speaker: TextToSpeech, caplog: pytest.LogCaptureFixture) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)
    with caplog.at_level(logging.WARNING):
        speaker.voice(noise, sample_rate=16_000)
    assert "likely no clean voice" in caplog.text
    caplog.clear()
    speaker.voice(PROMPT)
    assert not caplog.records


@pytest.mark.parametrize("prompt", [None, b"RIFF"])
def test_what_is_no_prompt_is_said(speaker: TextToSpeech, prompt: object) -> None:
    with pytest.raises(AudioError, match="give a path, or an array"):
        speaker.voice(prompt)


def test_silence_around_speech_is_short(speaker: TextToSpeech) -> None:
    """Models trained on recordings predict the silence at their ends too: 0.3 s before, 0.7 s behind."""
    durations = speaker.model.duration_predictor
    assert isinstance(durations, AverageDurations)
    effects = durations.effects.clone()
    durations.effects[2, 1:6] = 0.7  # pauses
    try:
        speech = speaker.speak("hello", speaker.voice(PROMPT), solver=FAST)
    finally:
        durations.effects.copy_(effects)
    assert speech.seconds < 5 * 0.08 + 2 * 0.08 + 0.03


@pytest.mark.parametrize("gain", [1.0, 0.1])
@pytest.mark.parametrize("text", ["hi.", "ask her to bring these things with her from the store."])
def test_speech_is_as_loud_as_its_prompt_and_not_clipped(speaker: TextToSpeech, text: str, gain: float) -> None:
    prompt = gain * load_audio(PROMPT)
    speech = speaker.speak(text, prompt, sample_rate=16_000, solver=FAST)
    difference = 20 * np.log10(speech_level(speech.waveform, 16_000) / speech_level(prompt, 16_000))
    assert abs(difference) < 3
    assert np.abs(speech.waveform).max() < 0.99


def test_pauses_are_as_long_as_asked(speaker: TextToSpeech) -> None:
    voice = speaker.voice(PROMPT)

    def seconds(text: str, **manner: float) -> float:
        return float(speaker.speak(text, voice, solver=FAST, **manner).seconds)

    assert seconds("one. two. three.", pause=1.5) - seconds("one. two. three.", pause=0.5) == pytest.approx(
        2.0, abs=0.01
    )
    shorter, longer = ('one <break time="0.2s"/> two', 'one <break time="1200ms"/> two')
    assert seconds(longer) - seconds(shorter) == pytest.approx(1.0, abs=0.01)


def test_gruut_comes_without_what_english_does_not_need() -> None:
    """dateparser took a third of a second of every start."""
    code = (
        "import sys; from wavcube.generation.tts.text.phonemes import gruut_phonemes; "
        "gruut_phonemes('hello', 'en-us'); print('dateparser' in sys.modules); "
        "import dateparser, gruut.text_processor; print(gruut.text_processor.dateparser.parse is dateparser.parse)"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.split() == ["False", "True"]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["tts", *arguments])
    return result.output + (str(result.exception) if result.exception else "")


def test_the_text_can_be_shown(tmp_path: Path) -> None:
    assert run("Dr. Smith <break time='1s'/> has $5", "--show-text").splitlines() == [
        "Doctor Smith", "dˈɑktɚ smˈɪθ", "(1 s of silence)", "has five dollars", "hˈæz fˈaɪv dˈɑlɚz",
    ]  # fmt: skip
    assert run("@me too", "--show-text").splitlines()[0] == "at me too"
    assert run("@@me", "--show-text").splitlines()[0] == "at me"
    assert "cannot be read" in run("@none.txt", "--show-text") or "no such file" in run("@none.txt", "--show-text")
    (tmp_path / "text.txt").write_text("From a file.")
    assert run(f"@{tmp_path / 'text.txt'}", "--show-text").splitlines()[0] == "From a file."
    assert "--prompt" in run("hello")


def test_types_that_are_refused_are_not_offered() -> None:
    shown = CliRunner().invoke(app, ["tts", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
    assert "bfloat16" in shown
    assert "int8" not in shown
