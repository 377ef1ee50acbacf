"""What each tab computes, on real recordings with the packaged models; and what it refuses."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile

from tests.integrations.app.conftest import Steps
from wavcube.errors import AudioError, AudioWarning, ConfigError, DataError
from wavcube.evaluation.metric import Recording
from wavcube.generation.tts.text.frontend import TextError
from wavcube.integrations.app import examples, tools
from wavcube.integrations.app.compare import compare
from wavcube.integrations.app.models import Models, standardised
from wavcube.integrations.app.reconstruct import reconstruct
from wavcube.integrations.app.speak import FEW_STEPS, LONGEST_TEXT, speak


def sounds(page: str) -> list[np.ndarray]:
    """The recordings in a page."""
    found = re.findall(r"data:audio/flac;base64,([^']+)", page)
    return [soundfile.read(io.BytesIO(base64.b64decode(one)), dtype="float32")[0] for one in found]


def test_reconstruct(models: Models, voice: Recording, steps: Steps) -> None:
    page = reconstruct(voice, models, steps)
    original, decoded = sounds(page)
    np.testing.assert_allclose(original, voice.waveform, atol=1e-4)
    expected = models.codec.reconstruct(voice.waveform, 16_000)[0].numpy()
    np.testing.assert_allclose(decoded, np.clip(expected, -1, 1), atol=1e-4)
    assert "162 frames of 128 numbers at 50 Hz: 6,400 numbers a second, 204.8 kb/s in 32 bits, 102.4 kb/s in 16" in page
    assert "mel distance" in page
    assert page.count("image/webp") == 3  # two spectrograms and the latent
    assert page.count(" s</span>") == 3
    assert page.count("8 kHz</span>") == 2
    assert steps.shares == sorted(steps.shares)
    assert steps.names[-1] == "measuring"


def test_too_short_a_recording_is_a_sentence(models: Models, voice: Recording, steps: Steps) -> None:
    short = Recording(voice.waveform[16_000:16_100], 16_000, "short.wav")
    with pytest.raises(AudioError, match=r"^short\.wav"):
        reconstruct(short, models, steps)


def test_the_latents_picture_is_in_standard_deviations(models: Models, voice: Recording) -> None:
    values = standardised(models.codec.encode(voice.waveform, 16_000), models.codec)
    assert values.shape == (162, 128)
    assert 0.5 < values.std() < 2


def test_speak(models: Models, voice: Recording, steps: Steps) -> None:
    page = speak("It is 5 o'clock.", voice, 1.0, 0, FEW_STEPS, 2.0, models, steps)
    (spoken,) = sounds(page)
    assert 0.5 < len(spoken) / 16_000 < 4
    assert "five o&#x27;clock" in page
    assert steps.names[-1] == "speaking"
    assert steps.shares[-1] == pytest.approx(0.95)
    again, other = (
        sounds(speak("It is 5 o'clock.", voice, 1.0, seed, FEW_STEPS, 2.0, models, steps))[0] for seed in (0, 1)
    )
    np.testing.assert_array_equal(spoken, again)
    assert len(other) != len(spoken) or not np.array_equal(other, spoken)


@pytest.mark.parametrize(
    ("changed", "error", "sentence"),
    [
        ({"text": " "}, TextError, "the text is empty"),
        ({"text": "a" * (LONGEST_TEXT + 1)}, ConfigError, "601 characters; this page takes up to 600"),
        ({"speed": 9.0}, ConfigError, "speed lies from 0.5 to 2"),
        ({"steps": "1000"}, ConfigError, "steps are one of"),
        ({"seed": None}, ConfigError, "the seed is a whole number"),
        ({"seed": -1}, ConfigError, "the seed is a whole number"),
        ({"steps": "16", "guidance": -3.0}, ConfigError, "guidance is -3"),
    ],
)
def test_what_cannot_be_spoken_is_a_sentence(
    changed: dict, error: type[Exception], sentence: str, models: Models, voice: Recording, steps: Steps
) -> None:
    given = {"text": "Good.", "speed": 1.0, "seed": 0, "steps": FEW_STEPS, "guidance": 2.0} | changed
    with pytest.raises(error, match=sentence):
        speak(prompt=voice, models=models, progress=steps, **given)


def test_clean_up_gives_what_the_enhancer_gives(models: Models, steps: Steps) -> None:
    noisy = examples.noisy()
    page = tools.clean(noisy, "masked", 0.8, models, steps)
    original, cleaned = sounds(page)
    expected = models.enhancer.enhance(noisy.waveform, 16_000, strength=0.8, output="masked")
    np.testing.assert_allclose(original, noisy.waveform, atol=1e-4)
    np.testing.assert_allclose(cleaned, expected, atol=1e-4)
    with pytest.raises(ConfigError, match="strength is 3"):
        tools.clean(noisy, "masked", 3, models, steps)


def test_separate_gives_both_talkers(models: Models, steps: Steps) -> None:
    page = tools.separate(examples.two_talkers(), "masked", models, steps)
    both, one, other = sounds(page)
    np.testing.assert_allclose(one + other, both, atol=1e-3)


def test_convert(models: Models, voice: Recording, steps: Steps) -> None:
    with pytest.warns(AudioWarning, match="of speech"):
        page = tools.convert(voice, examples.lower_voice(), 0.5, models, steps)
    source, converted = sounds(page)
    assert len(source) == len(converted) == len(voice.waveform)


def test_compare(models: Models, voice: Recording, steps: Steps) -> None:
    noisier = [examples.clip(), examples.noisy(20), examples.noisy(5), voice]
    page = compare(noisier, models, steps)
    near, far, *others = (float(value) for value in re.findall(r"<td class='number'>([\d.]+)</td>", page))
    assert 0 < near < far < max(others)
    assert "1st principal component" in page
    assert page.count("example with noise") >= 4  # in the table and on the map


def test_two_recordings_have_a_distance_and_no_map(models: Models, voice: Recording, steps: Steps) -> None:
    page = compare([voice, voice], models, steps)
    assert "<td class='number'>0.00</td>" in page
    assert "<svg" not in page
    for count in (0, 1, 9):
        with pytest.raises(DataError, match=f"{count} recordings are given; this page compares 2 to 8"):
            compare([voice] * count, models, steps)


def test_the_examples_are_sound_of_bounded_level() -> None:
    for recording in (examples.clip(), examples.noisy(), examples.lower_voice(), examples.two_talkers()):
        assert 0.05 < np.abs(recording.waveform).max() <= 1
        assert 5 <= recording.seconds < 7
