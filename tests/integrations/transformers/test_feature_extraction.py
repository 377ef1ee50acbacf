"""The feature extractor: NumPy in, padded batch out, and a sentence for what is no speech at 16 kHz."""

import numpy as np
import pytest
import torch

from tests.codec.small import signal
from wavcube.errors import AudioError
from wavcube.hf import WavCubeFeatureExtractor

extract = WavCubeFeatureExtractor()


def test_ragged_arrays_make_a_padded_batch() -> None:
    first, second = signal(900), signal(500, seed=1)
    for given in ([first, second], [first.tolist(), second.tolist()], (torch.from_numpy(first), second)):
        batch = extract(given, sampling_rate=16_000, return_tensors="np")
        assert batch["input_values"].shape == (2, 1, 900)
        assert batch["input_values"].dtype == np.float32
        np.testing.assert_array_equal(batch["input_values"][0, 0], first)
        np.testing.assert_array_equal(batch["input_values"][1, 0, :500], second)
        assert not batch["input_values"][1, 0, 500:].any()
        assert batch["padding_mask"].sum(1).tolist() == [900, 500]
        assert batch["padding_mask"].shape == (2, 900)


@pytest.mark.parametrize("form", [np.asarray, list, torch.tensor])
def test_one_recording_is_a_batch_of_one(form) -> None:
    batch = extract(form(signal(800)), sampling_rate=16_000, return_tensors="pt")
    assert batch["input_values"].shape == (1, 1, 800)
    assert batch["padding_mask"].all()


def test_integers_are_scaled_and_rows_are_recordings() -> None:
    pcm = (signal(800) * 32_767).astype(np.int16)
    batch = extract(np.stack([pcm, pcm]), sampling_rate=16_000, return_tensors="np")
    assert batch["input_values"].shape == (2, 1, 800)
    np.testing.assert_array_equal(batch["input_values"][1, 0], pcm.astype(np.float32) / 32_768)


def test_padding_of_transformers() -> None:
    clips = [signal(900), signal(500)]
    assert extract(clips, 16_000, pad_to_multiple_of=400, return_tensors="np")["input_values"].shape == (2, 1, 1200)
    longest = extract(clips, 16_000, padding="max_length", max_length=600, truncation=True, return_tensors="np")
    assert longest["input_values"].shape == (2, 1, 600)
    assert [len(item[0]) for item in extract(clips, 16_000, padding=False)["input_values"]] == [900, 500]


@pytest.mark.parametrize(
    ("audio", "rate", "message"),
    [
        (signal(800), None, "say the sampling_rate of the audio in Hz; the model takes 16000"),
        (signal(800), 44_100, "the audio is at 44100 Hz, the model takes 16000 Hz; resample it"),
        ([], 16_000, "no audio given"),
        ([signal(800), signal(399)], 16_000, "item 1: has 399 samples; the model needs at least 400"),
        ([signal(800), np.full(800, np.nan)], 16_000, "item 1: 800 of its samples are NaN"),
        ([np.zeros((2, 800))], 16_000, r"item 0: has shape \[2, 800\]; the model takes one channel"),
        (np.full(800, 1e4), 16_000, "divide them by their full scale"),
        ("speech.wav", 16_000, "item 0: str is no array of samples; wavcube.load_audio reads files"),
        ([None], 16_000, "item 0: list is no array of samples"),
    ],
)
def test_what_is_refused(audio, rate, message: str) -> None:
    with pytest.raises(AudioError, match=message) as caught:
        extract(audio, sampling_rate=rate)
    assert isinstance(caught.value, ValueError)  # what transformers' own extractors raise
