from pathlib import Path

import pytest
import torch

from tests.locations import SPEECH
from wavcube.codec import WavCube
from wavcube.errors import CheckpointError
from wavcube.generation.conversion import VoiceConverter
from wavcube.generation.conversion.pitch import PitchRange, moved


def test_pitch_is_read_as_the_encoder_found_it_and_written_alone(converter: VoiceConverter) -> None:
    codec, channels = converter.codec, converter.channels
    recording = SPEECH / "p287_002.flac"
    latents = codec.encode(recording).values[0]
    first = 2 * codec.config.encoder.mel_bins
    found = channels.read(latents)
    assert torch.allclose(found, codec.features(recording).values[0][:, first : first + 4], atol=1e-5)
    written = channels.write(latents, found + 0.3)
    assert torch.allclose(channels.read(written), found + 0.3, atol=1e-5)
    others = [i for i in range(codec.latent_dim) if i not in channels.channels.tolist()]
    assert torch.equal(written[:, others], latents[:, others])


def test_a_contour_moves_to_the_targets_range_and_keeps_its_voicing() -> None:
    pitch = torch.stack([torch.linspace(-0.5, 0.5, 50), torch.ones(50)] * 2, dim=1)
    target = PitchRange(0.7, 0.55)
    own = PitchRange.of(pitch)
    assert own is not None
    result = moved(pitch, own, target)
    found = PitchRange.of(result)
    assert found is not None
    assert found.median == pytest.approx(0.7, abs=1e-4)
    assert found.spread == pytest.approx(0.55, abs=1e-3)
    assert torch.equal(result[:, 1::2], pitch[:, 1::2])


def test_what_has_no_pitch_is_left_alone() -> None:
    whispered = torch.zeros(50, 4)
    assert PitchRange.of(whispered) is None
    assert torch.equal(moved(whispered, None, PitchRange(0.0, 0.1)), whispered)


def test_a_model_without_channels_for_pitch_is_refused(wavcube_folder: Path) -> None:
    with pytest.raises(CheckpointError, match="no channels for pitch"):
        VoiceConverter(WavCube.from_pretrained(wavcube_folder))
