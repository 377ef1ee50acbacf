import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.codec import WavCube
from wavcube.codec.chunking import Chunking
from wavcube.errors import AudioError, AudioWarning, ConfigError
from wavcube.generation.conversion import TargetVoice, VoiceConverter, matching, pipeline, speech_frames
from wavcube.generation.conversion import voice as voices
from wavcube.generation.conversion.matching import RIDGE, Statistics, VoiceMap, nearest
from wavcube.generation.conversion.pipeline import LOUDEST, NEAREST
from wavcube.generation.conversion.speech_frames import LEVEL, frames_of, speech_rms

SOURCE, TARGET = SPEECH / "p287_002.flac", SPEECH / "LJ001-0013.opus"


@pytest.fixture(scope="module")
def voice(converter: VoiceConverter) -> TargetVoice:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AudioWarning)
        return converter.voice(TARGET)


def test_length_and_level_are_the_sources_and_pitch_the_targets(converter: VoiceConverter, voice: TargetVoice) -> None:
    source = load_audio(SOURCE)
    made = converter.convert(SOURCE, voice)
    assert made.dtype == np.float32
    assert len(made) == len(source)
    assert speech_rms(torch.from_numpy(made)) == pytest.approx(speech_rms(torch.from_numpy(source)), rel=0.05)
    again = converter.codec.encode(made, 16_000).values[0]
    own = converter.codec.encode(SOURCE).values[0]
    found, before, wanted = (_median(converter, latents) for latents in (again, own, voice.latents))
    assert abs(found - wanted) < 0.2 * abs(before - wanted)


def _median(converter: VoiceConverter, latents: torch.Tensor) -> float:
    log_f0, voiced = converter.channels.read(latents)
    return float(log_f0[voiced].median())


def test_recordings_in_a_list_get_what_they_get_alone(converter: VoiceConverter, voice: TargetVoice) -> None:
    noise = np.random.default_rng(0).standard_normal(7000).astype(np.float32) * 0.1
    alone = converter.convert(SOURCE, voice)
    together = converter.convert([(noise, 16_000), SOURCE], voice)
    assert len(together[0]) == 7000
    assert np.array_equal(together[1], alone)


def test_the_match_mixes_frames_and_its_ends_differ(converter: VoiceConverter, voice: TargetVoice) -> None:
    waveform = torch.from_numpy(load_audio(SOURCE))
    waveform = waveform * (LEVEL / speech_rms(waveform))
    none, half, full = (converter.latents(waveform, voice, match) for match in (0.0, 0.5, 1.0))
    assert torch.allclose(half, (none + full) / 2, atol=1e-4)
    assert not torch.allclose(none, full, atol=0.1)
    with pytest.raises(ConfigError, match="match is 2"):
        converter.convert(SOURCE, voice, match=2)


def test_a_voice_converted_to_itself_stays_as_it_is(converter: VoiceConverter) -> None:
    with pytest.warns(AudioWarning, match="hold only"):
        own = converter.voice(SOURCE)
    waveform = torch.from_numpy(load_audio(SOURCE))
    waveform = waveform * (LEVEL / speech_rms(waveform))
    made = converter.latents(waveform, own, 0.0)
    plain = converter.codec.encode(waveform, 16_000).values[0]
    assert torch.linalg.norm(made - plain) < 1e-3 * torch.linalg.norm(plain)


def test_long_recordings_go_through_in_pieces_close_to_the_whole(converter: VoiceConverter, voice: TargetVoice) -> None:
    waveform = torch.from_numpy(load_audio(SOURCE))
    whole = converter.latents(waveform, voice)
    pieces = VoiceConverter(converter.codec)
    pieces.chunking = Chunking(above=1.0, chunk=1.0, context=1.0)
    made = pieces.latents(waveform, voice)
    assert made.shape == whole.shape
    assert torch.linalg.norm(made - whole) < 0.35 * torch.linalg.norm(whole)


def test_a_long_recording_in_little_memory_is_what_the_whole_would_be(
    converter: VoiceConverter, voice: TargetVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against sums, maps and pitch of all frames at once, from the same pieces of the encoder."""
    waveform = torch.from_numpy(load_audio(SOURCE))
    gain = LEVEL / speech_rms(waveform)
    chunked = VoiceConverter(WavCube.from_pretrained())
    chunked.chunking = chunked.codec.chunking = Chunking(above=1.0, chunk=1.0, context=0.5)
    pieces = list(frames_of(chunked.codec, waveform * gain, chunked.chunking, 1.0))
    assert len(pieces) > 2
    latents, states, speech = (
        torch.cat([getattr(one, name) for one in pieces]) for name in ("latents", "states", "speech")
    )
    spoken = latents[speech].double()
    own = Statistics(spoken.mean(0), spoken.T.cov(correction=0) + RIDGE * torch.eye(spoken.shape[1]))
    near = voice.latents[nearest(states, voice.keys, NEAREST)].mean(1)
    mixed = torch.lerp(VoiceMap.between(own, voice.statistics)(latents), near, 0.5 * speech[:, None].float())
    expected = chunked.channels.carry(mixed, chunked.channels.like(latents, voice.latents))
    decoded = chunked.codec.decode(expected[None], len(waveform))[0]
    decoded = decoded * (speech_rms(waveform) / speech_rms(decoded))
    decoded = decoded * min(1.0, LOUDEST / float(decoded.abs().max()))
    for module in (pipeline, matching, speech_frames):
        monkeypatch.setattr(module, "FRAMES_AT_ONCE", 30)
    shares: list[float] = []
    made = chunked.convert(waveform, voice, 16_000, progress=shares.append)
    found = chunked.latents(waveform, voice, gain=gain)
    assert torch.linalg.norm(found - expected) < 1e-5 * torch.linalg.norm(expected)
    # Pulses follow the sum of all F0 before them, so that rounding of F0 moves them.
    assert np.linalg.norm(made - decoded.numpy()) < 2e-3 * np.linalg.norm(made)
    assert shares == sorted(shares)
    assert len(shares) > 2 * len(pieces)
    assert shares[-1] == 1


def test_what_is_given_is_left_as_it_is(converter: VoiceConverter, voice: TargetVoice) -> None:
    source, silence = load_audio(SOURCE), np.zeros(8000, np.float32)
    before = source.copy()
    converter.convert(source, voice, 16_000)
    assert np.array_equal(source, before)
    assert not np.shares_memory(converter.convert(silence, voice, 16_000), silence)


def test_silence_stays_silence_and_too_little_of_a_voice_is_refused(
    converter: VoiceConverter, voice: TargetVoice
) -> None:
    assert not converter.convert(np.zeros(8000, np.float32), voice, 16_000).any()
    with pytest.raises(AudioError, match=r"hold 0\.0 s of speech"):
        converter.voice(np.zeros(32_000, np.float32), 16_000)
    with pytest.raises(AudioError, match=r"hold 0\.\d s of speech"):
        converter.voice(load_audio(SOURCE)[:12_000], 16_000)


def test_noise_and_music_as_a_voice_get_a_warning(converter: VoiceConverter) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(12 * 16_000).astype(np.float32)
    with pytest.warns(AudioWarning, match="likely no clean voice"):
        converter.voice(noise, 16_000)
    time = np.arange(12 * 16_000) / 16_000
    chord = sum(0.1 * np.sign(np.sin(2 * np.pi * pitch * time)) for pitch in (220.0, 277.0, 330.0))
    with pytest.warns(AudioWarning, match="likely no clean voice"):
        converter.voice(chord.astype(np.float32), 16_000)


def test_no_more_of_a_target_is_kept_than_is_needed(converter: VoiceConverter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "LONGEST_S", 1.5)
    with pytest.warns(AudioWarning):
        found = converter.voice([TARGET, SOURCE])
    assert found.seconds == 1.5
    assert len(found.keys) == len(found.latents) == 75


def test_a_model_without_channels_of_pitch_is_refused(wavcube_folder: Path) -> None:
    with pytest.raises(ConfigError, match="no channels of pitch"):
        VoiceConverter(WavCube.from_pretrained(wavcube_folder))
