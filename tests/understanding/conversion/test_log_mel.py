import numpy as np
import pytest
import torch

from tests.understanding.corpora import spoken
from wavcube.audio.io import as_mono
from wavcube.understanding.conversion.distortion import mel_cepstral_distortion
from wavcube.understanding.conversion.log_mel import log_mel, sound


@pytest.fixture(scope="module")
def sentence() -> np.ndarray:
    return spoken([0, 3, 1], 130.0)


def test_it_is_that_of_transformers(sentence: np.ndarray) -> None:
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

    filters = mel_filter_bank(513, 80, 80.0, 7600.0, 24_000, norm="slaney", mel_scale="slaney")
    window = window_function(1024, "hann")
    mel = spectrogram(sentence, window, 1024, 256, 1024, power=1.0, pad_mode="constant", mel_filters=filters)
    expected = np.log10(np.maximum(1e-10, mel)).T
    np.testing.assert_allclose(log_mel(sentence).numpy(), expected, atol=1e-3)


def test_its_sound_is_near_what_it_was_made_of(sentence: np.ndarray) -> None:
    values = log_mel(sentence)
    made = sound(values)
    assert made.dtype == np.float32
    assert len(made) == (len(values) - 1) * 256
    assert np.array_equal(made, sound(values))
    original, other = (as_mono(w, 24_000, 16_000) for w in (sentence, spoken([5, 2, 4], 130.0)))
    near = mel_cepstral_distortion(as_mono(made, 24_000, 16_000), original)
    assert near < mel_cepstral_distortion(other, original) / 2


def test_a_single_frame_sounds_for_a_hop() -> None:
    made = sound(torch.full((1, 80), -1.0))
    assert made.shape == (256,)
    assert np.isfinite(made).all()
