import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.errors import AudioError, AudioWarning, CheckpointError
from wavcube.generation.conversion import FlowVoice, FlowVoiceConverter
from wavcube.generation.conversion.speech_frames import speech_rms
from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.tts.model import SynthesisRequest
from wavcube.generation.tts.text.frontend import TextError

pytest.importorskip("gruut")

SOURCE, TARGET = SPEECH / "p287_002.flac", SPEECH / "LJ001-0013.opus"
TEXT = "Ask her to bring these things with her from the store."
FEW = SolverSettings(few_steps=True)


class Reads:
    """A stand-in for an ASR model."""

    name = fingerprint = "reads"

    def transcribe(self, waveform: np.ndarray, language: str) -> str:
        assert language == "en"
        return TEXT


@pytest.fixture(scope="module")
def converter() -> FlowVoiceConverter:
    return FlowVoiceConverter.from_pretrained()


@pytest.fixture(scope="module")
def voice(converter: FlowVoiceConverter) -> FlowVoice:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AudioWarning)
        return converter.voice(TARGET)


@pytest.fixture(scope="module")
def made(converter: FlowVoiceConverter, voice: FlowVoice) -> np.ndarray:
    return converter.convert(SOURCE, voice, text=TEXT, solver=FEW)


def test_length_and_level_are_the_sources_and_pitch_the_targets(
    converter: FlowVoiceConverter, voice: FlowVoice, made: np.ndarray
) -> None:
    source = load_audio(SOURCE)
    assert made.dtype == np.float32
    assert len(made) == len(source)
    level = speech_rms(torch.from_numpy(made)) / speech_rms(torch.from_numpy(source))
    assert level == pytest.approx(1.0, rel=0.05) or (0.7 < level < 1 and np.abs(made).max() == pytest.approx(0.99))
    again, own = (converter.statistical.codec.encode(one, 16_000).values[0] for one in (made, source))
    found, before, wanted = (_median(converter, latents) for latents in (again, own, voice.target.latents))
    assert abs(found - wanted) < 0.2 * abs(before - wanted)


def _median(converter: FlowVoiceConverter, latents: torch.Tensor) -> float:
    log_f0, voiced = converter.statistical.channels.read(latents)
    return float(log_f0[voiced].median())


def test_the_words_are_spoken_when_the_source_speaks_them(converter: FlowVoiceConverter, made: np.ndarray) -> None:
    """Most phonemes end within 40 ms of where they end in the source."""
    token_ids = converter.speaker.model.token_ids(TEXT)
    own, found = (
        converter.aligner.ends(torch.from_numpy(waveform), token_ids) for waveform in (load_audio(SOURCE), made)
    )
    assert own is not None
    assert found is not None
    assert (own - found).abs().quantile(0.8) <= 0.04


def test_the_text_decides_what_is_said(converter: FlowVoiceConverter, voice: FlowVoice, made: np.ndarray) -> None:
    other = converter.convert(SOURCE, voice, text="We also need a small plastic snake for the kids.", solver=FEW)
    same = converter.convert(SOURCE, voice, text=TEXT, seed=1, solver=FEW)
    codec, normalise = converter.statistical.codec, converter.speaker.model.normalise
    first, second, third = (normalise(codec.encode(one, 16_000).values[0]) for one in (made, same, other))
    assert (first - second).square().mean() < 0.75 * (first - third).square().mean()


def test_long_sources_are_made_in_pieces(
    converter: FlowVoiceConverter, voice: FlowVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = len(voice.prompt.frames) / 50
    monkeypatch.setattr("wavcube.generation.conversion.flow_converter.PIECE_S", seconds + 2.0)
    asked = []
    generate = converter.speaker.model.generate
    monkeypatch.setattr(
        converter.speaker.model, "generate", lambda requests, how: asked.extend(requests) or generate(requests, how)
    )
    assert len(converter.convert(SOURCE, voice, text=TEXT, solver=FEW)) == len(load_audio(SOURCE))
    assert len(asked) == 2
    assert max(request.frames for request in asked) <= 100


def test_an_asr_model_reads_what_comes_without_text(
    converter: FlowVoiceConverter, voice: FlowVoice, made: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TextError, match=r"p287_002.*--text.*--asr"):
        converter.convert(SOURCE, voice)
    monkeypatch.setattr(converter.speaker, "asr", Reads())
    assert np.array_equal(converter.convert(SOURCE, voice, solver=FEW), made)


def test_recordings_in_a_list_get_what_they_get_alone(
    converter: FlowVoiceConverter, voice: FlowVoice, made: np.ndarray
) -> None:
    silence, again = converter.convert([(np.zeros(7000), 16_000), SOURCE], voice, text=["", TEXT], solver=FEW)
    assert len(silence) == 7000
    assert not silence.any()
    assert np.array_equal(again, made)
    with pytest.raises(TextError, match="1 texts for 2 recordings"):
        converter.convert([SOURCE, SOURCE], voice, text=[TEXT])


@pytest.mark.long
def test_a_prepared_model_says_the_same(converter: FlowVoiceConverter, voice: FlowVoice, made: np.ndarray) -> None:
    """Frames stay within 1e-5 relative L2; of the waveform, F0's rounding moves pulses a little."""
    prepared = FlowVoiceConverter.from_pretrained().optimize()
    assert prepared.weights_fingerprint() == converter.weights_fingerprint()
    token_ids = converter.speaker.model.token_ids(TEXT)
    request = SynthesisRequest(voice.prompt.frames, token_ids, 140, 0)
    for solver in (FEW, SolverSettings()):
        plain, fast = (one.speaker.model.generate([request], solver)[0] for one in (converter, prepared))
        assert torch.linalg.norm(fast - plain) < 1e-5 * torch.linalg.norm(plain)
    again = prepared.convert(SOURCE, voice, text=TEXT, solver=FEW)
    assert np.linalg.norm(again - made) < 1e-2 * np.linalg.norm(made)


def test_what_does_not_fit_is_refused(converter: FlowVoiceConverter, voice: FlowVoice) -> None:
    with pytest.raises(TextError, match="too short for its text"):
        converter.convert(SOURCE, voice, text=TEXT * 20)
    with pytest.raises(AudioError, match="lasts 61 s"):
        converter.convert(np.ones(61 * 16_000, np.float32), voice, 16_000, text=TEXT)


def test_a_model_without_an_aligner_is_refused(converter: FlowVoiceConverter, tmp_path: Path) -> None:
    converter.speaker.model.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="no aligner"):
        FlowVoiceConverter.from_pretrained(tmp_path)
