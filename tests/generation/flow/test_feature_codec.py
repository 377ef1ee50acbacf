from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.errors import CheckpointError
from wavcube.features import build_feature_extractor
from wavcube.generation.flow.feature_codec import FeatureCodec, check_fingerprint, load_feature_codec


@pytest.fixture(scope="module")
def waveform() -> np.ndarray:
    return load_audio(SPEECH / "p287_002.flac")


@pytest.mark.parametrize("part", ["wavcube", "features", "restored"])
def test_every_part_of_a_wavcube_has_a_way_back(part: str, wavcube_folder: Path, waveform: np.ndarray) -> None:
    representation = load_feature_codec(f"{part}:{wavcube_folder}")
    frames = representation.encode(waveform)
    decoded = representation.decode(frames)
    assert decoded.shape == (320 * len(frames),)
    assert np.isfinite(decoded).all()


def test_latents_come_back_as_the_model_decodes_them(latents: FeatureCodec, waveform: np.ndarray) -> None:
    model = latents.extractor.model  # type: ignore[attr-defined]
    decoded = latents.decode(latents.encode(waveform))
    expected = model.decode(model.encode(waveform, 16_000))[0].numpy()
    count = min(len(decoded), len(expected))
    np.testing.assert_allclose(decoded[:count], expected[:count], atol=1e-5)


def test_statistics_are_those_of_the_checkpoint(latents: FeatureCodec) -> None:
    model = latents.extractor.model  # type: ignore[attr-defined]
    assert latents.statistics is None
    model.latent_mean, model.latent_std = torch.linspace(-1, 1, 16), torch.linspace(0, 2, 16)
    try:
        assert latents.statistics is not None
        mean, std = latents.statistics
        assert torch.equal(mean, model.latent_mean)
        assert std[0] == 1.0  # a channel that never changes is not scaled
        assert torch.equal(std[1:], model.latent_std[1:])
    finally:
        model.latent_mean = model.latent_std = None
    packaged = load_feature_codec("wavcube").statistics
    assert packaged is not None
    assert packaged[0].shape == (128,)
    assert load_feature_codec("logmel").statistics is None


def test_griffin_lim_gives_back_the_log_mel(waveform: np.ndarray) -> None:
    representation = load_feature_codec("logmel")
    frames = representation.encode(waveform)
    decoded = representation.decode(frames)
    assert decoded.shape == (160 * len(frames),)
    again = representation.encode(decoded)
    count = min(len(frames), len(again))
    loud = frames[:count].mean(1) > frames.mean()
    difference = (again[:count] - frames[:count])[loud].abs().mean()
    unrelated = (frames[:count][loud] - frames.mean(0)).abs().mean()
    assert difference < 0.35 * unrelated


def test_a_vocoder_of_the_user_s(tmp_path: Path, waveform: np.ndarray) -> None:
    class Flat(nn.Module):
        def forward(self, frames: Tensor) -> Tensor:
            return frames.mean(-1).repeat_interleave(160, 1)

    path = tmp_path / "vocoder.pt"
    torch.jit.script(Flat()).save(str(path))
    representation = load_feature_codec("logmel", vocoder=str(path))
    frames = representation.encode(waveform)
    assert representation.decode(frames)[0] == pytest.approx(float(frames[0].mean()), rel=1e-4)


def test_without_a_way_back_the_error_says_what_to_do(waveform: np.ndarray, tmp_path: Path) -> None:
    representation = FeatureCodec(build_feature_extractor("mfcc"))
    with pytest.raises(CheckpointError, match="--vocoder"):
        representation.decode(representation.encode(waveform))
    with pytest.raises(CheckpointError, match="no such vocoder"):
        load_feature_codec("logmel", vocoder=str(tmp_path / "none.pt"))
    (tmp_path / "text.pt").write_text("no network")
    with pytest.raises(CheckpointError, match="cannot be loaded as a vocoder"):
        load_feature_codec("logmel", vocoder=str(tmp_path / "text.pt"))


def test_another_representation_than_trained_on_is_refused(latents: FeatureCodec) -> None:
    described = latents.describe("wavcube:here")
    check_fingerprint(described, latents.extractor)
    with pytest.raises(CheckpointError, match="was trained on wavcube:here"):
        check_fingerprint(described, build_feature_extractor("logmel"))
