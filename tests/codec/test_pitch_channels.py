import math

import pytest
import torch

from tests.locations import SPEECH
from wavcube import WavCube
from wavcube.codec.config import WavCubeConfig
from wavcube.codec.pitch_channels import PitchChannels
from wavcube.errors import ConfigError


@pytest.fixture(scope="module")
def model() -> WavCube:
    return WavCube.from_pretrained()


@pytest.fixture(scope="module")
def latents(model: WavCube) -> torch.Tensor:
    return model.encode(SPEECH / "p287_002.flac").values[0]


def test_what_is_written_is_read(model: WavCube, latents: torch.Tensor) -> None:
    channels = PitchChannels(model)
    log_f0, voiced = channels.read(latents)
    assert len(log_f0) == 2 * len(latents)
    assert 0.2 < voiced.float().mean() < 0.8
    wanted = torch.linspace(-0.5, 0.5, len(log_f0))
    written = channels.write(latents, wanted)
    found, still_voiced = channels.read(written)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
    assert (voiced == still_voiced).all()
    torch.testing.assert_close(channels.write(latents, log_f0), latents, atol=1e-5, rtol=0)


def test_speech_gets_the_pitch_that_was_written(model: WavCube, latents: torch.Tensor) -> None:
    """Three semitones up, measured on the waveform that is decoded."""
    channels = PitchChannels(model)
    log_f0, voiced = channels.read(latents)
    raised = channels.write(latents, log_f0 + 3 / 12 * math.log(2))
    again = channels.read(model.encode(model.decode(raised)[0], 16_000).values[0])[0]
    frames = len(again)
    change = 12 / math.log(2) * (again - log_f0[:frames])[voiced[:frames]]
    assert float(change.median()) == pytest.approx(3, abs=0.3)


def test_pitch_becomes_like_another_voices(model: WavCube, latents: torch.Tensor) -> None:
    channels = PitchChannels(model)
    other = model.encode(SPEECH / "LJ001-0013.opus").values[0]
    changed = channels.like(latents, other)
    (own, voiced), (wanted, wanted_voiced) = channels.read(changed), channels.read(other)
    assert float(own[voiced].median()) == pytest.approx(float(wanted[wanted_voiced].median()), abs=1e-3)
    before = channels.read(latents)[0][voiced].std()
    assert (own[voiced].std() - wanted[wanted_voiced].std()).abs() < (before - wanted[wanted_voiced].std()).abs()


def test_without_voice_nothing_changes(model: WavCube, latents: torch.Tensor) -> None:
    silence = model.encode(torch.zeros(16_000), 16_000).values[0]
    channels = PitchChannels(model)
    assert channels.like(latents, silence) is latents
    assert channels.like(silence, latents) is silence


def test_other_decoders_are_refused() -> None:
    with pytest.raises(ConfigError, match="no channels of pitch"):
        PitchChannels(WavCube(WavCubeConfig.preset("tiny")))


def test_pitch_of_another_is_carried_over_and_nothing_else_changes(model: WavCube, latents: torch.Tensor) -> None:
    channels = PitchChannels(model)
    other = model.encode(SPEECH / "LJ001-0013.opus").values[0][: len(latents)]
    carried = channels.carry(latents[: len(other)], other)
    found, wanted = channels.read(carried), channels.read(other)
    torch.testing.assert_close(found[0], wanted[0], atol=1e-4, rtol=0)
    assert torch.equal(found[1], wanted[1])
    rest = ~channels._weight.abs().amax(0).bool()
    assert torch.equal(carried[:, rest], latents[: len(other), rest])
