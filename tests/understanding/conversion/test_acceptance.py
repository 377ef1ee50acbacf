import numpy as np
import pytest

from wavcube.understanding.conversion.acceptance import acceptance_threshold, voice


class Loudness:
    """An encoder whose embedding is a direction given by the level."""

    name = fingerprint = "loudness"

    def embed(self, waveform: np.ndarray) -> np.ndarray:
        angle = float(np.abs(waveform).max())
        return 3.0 * np.array([np.cos(angle), np.sin(angle)])


def test_the_threshold_lies_between_pairs_of_one_speaker_and_of_two() -> None:
    angles = np.array([0.0, 0.1, 0.2, 1.0, 1.1, 1.2])
    voices = list(np.stack([np.cos(angles), np.sin(angles)], 1))
    threshold = acceptance_threshold(voices, list("aaabbb"))
    assert np.cos(0.8) < threshold <= np.cos(0.2)


def test_where_kinds_of_pairs_overlap_as_many_fail_as_pass() -> None:
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.standard_normal((10, 8)), 12, 0)
    voices = centres + 1.2 * rng.standard_normal(centres.shape)
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    speakers = np.repeat(np.arange(10), 12).astype(str)
    threshold = acceptance_threshold(list(voices), list(speakers))
    first, second = np.triu_indices(len(voices), 1)
    scores, same = (voices @ voices.T)[first, second], speakers[first] == speakers[second]
    assert (scores[same] < threshold).mean() == pytest.approx((scores[~same] >= threshold).mean(), abs=0.01)


@pytest.mark.parametrize("speakers", [[], ["a"], ["a", "a"], ["a", "b"]])
def test_without_both_kinds_of_pairs_there_is_none(speakers: list[str]) -> None:
    assert np.isnan(acceptance_threshold([np.array([1.0, 0.0])] * len(speakers), speakers))


def test_a_voice_is_of_unit_length_and_silence_has_none() -> None:
    found = voice(Loudness(), np.full(16_000, 0.3, np.float32))
    assert found is not None
    assert np.linalg.norm(found) == pytest.approx(1.0)
    assert voice(Loudness(), np.zeros(16_000, np.float32)) is None
    assert voice(Loudness(), np.full(4_000, 0.3, np.float32)) is None
