"""Mel filters are those of other libraries."""

import numpy as np
import pytest

from wavcube.audio.mel import mel_filters


@pytest.mark.long  # librosa compiles itself for half a minute
def test_filters_on_the_slaney_scale_are_those_of_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    for size, bands in ((1024, 80), (321, 120), (400, 128)):
        expected = librosa.filters.mel(sr=16_000, n_fft=size, n_mels=bands).T
        np.testing.assert_allclose(mel_filters(size, bands, 16_000), expected, atol=1e-7)
    expected = librosa.filters.mel(sr=24_000, n_fft=1024, n_mels=80, fmin=80, fmax=7600).T
    np.testing.assert_allclose(mel_filters(1024, 80, 24_000, "slaney", 80.0, 7600.0), expected, atol=1e-7)


@pytest.mark.parametrize(
    ("size", "bands", "rate", "low", "high"),
    [(1024, 80, 16_000, 0.0, 8000.0), (400, 128, 16_000, 0.0, 8000.0), (1024, 80, 24_000, 80.0, 7600.0)],
)
def test_filters_on_the_slaney_scale_are_those_of_transformers(
    size: int, bands: int, rate: int, low: float, high: float
) -> None:
    from transformers.audio_utils import mel_filter_bank

    expected = mel_filter_bank(size // 2 + 1, bands, low, high, rate, norm="slaney", mel_scale="slaney")
    np.testing.assert_allclose(mel_filters(size, bands, rate, "slaney", low, high), expected, atol=1e-7)


@pytest.mark.parametrize("bands", [40, 80])
def test_filters_on_the_htk_scale_are_those_of_transformers_to_the_bit(bands: int) -> None:
    """Stored features were made with theirs."""
    from transformers.audio_utils import mel_filter_bank

    expected = mel_filter_bank(257, bands, 0.0, 8000.0, 16_000, norm=None, mel_scale="htk")
    assert np.array_equal(mel_filters(512, bands, 16_000, "htk").astype(np.float32), expected.astype(np.float32))


@pytest.mark.parametrize("bands", [80, 128])
def test_filters_of_whisper_are_those_of_transformers_to_the_bit(bands: int) -> None:
    from transformers import WhisperFeatureExtractor

    expected = WhisperFeatureExtractor(feature_size=bands).mel_filters
    assert np.array_equal(mel_filters(400, bands, 16_000).astype(np.float32), expected.astype(np.float32))


@pytest.mark.parametrize("bands", [40, 80])
def test_filters_on_kaldi_s_scale_are_those_of_transformers(bands: int) -> None:
    from transformers.audio_utils import mel_filter_bank

    options = {"norm": None, "mel_scale": "kaldi", "triangularize_in_mel_space": True}
    expected = mel_filter_bank(257, bands, 20, 8000, 16_000, **options)
    np.testing.assert_allclose(mel_filters(512, bands, 16_000, "kaldi", 20.0), expected, atol=1e-12)
