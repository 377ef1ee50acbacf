from pathlib import Path

import numpy as np
import pytest

from tests.data.tones import RATE, tone
from wavcube.audio.io import save_audio
from wavcube.data.config import SourceConfig
from wavcube.data.mixing import Mixer, MixtureConfig
from wavcube.data.mixing.noise import coloured_noise, repeated
from wavcube.data.mixing.rooms import in_room
from wavcube.errors import AudioError, ConfigError, DataError

SAMPLES = RATE


def folder_of(place: Path, count: int, first: int = 0, seconds: float = 3.0) -> SourceConfig:
    place.mkdir()
    for number in range(first, first + count):
        save_audio(place / f"{number}.wav", tone(number, seconds))
    return SourceConfig(str(place))


@pytest.fixture
def config(tmp_path: Path) -> MixtureConfig:
    response = np.zeros(2000, np.float32)
    response[[40, 400, 1500]] = 0.5, -0.3, 0.2
    rooms = tmp_path / "rooms"
    rooms.mkdir()
    save_audio(rooms / "room.wav", response)
    return MixtureConfig(
        [folder_of(tmp_path / "speech", 4)], [folder_of(tmp_path / "noise", 3, 50, 0.5)], [SourceConfig(str(rooms))]
    )


def test_a_number_gives_the_same_mixture_whatever_came_before(config: MixtureConfig) -> None:
    first, again = Mixer(config, SAMPLES, seed=3), Mixer(config, SAMPLES, seed=3)
    first[0], first[9]
    for number in (5, 2):
        assert np.array_equal(first[number].noisy, again[number].noisy)
        assert np.array_equal(first[number].clean, again[number].clean)
    assert not np.array_equal(first[5].noisy, Mixer(config, SAMPLES, seed=4)[5].noisy)
    assert first.fingerprint == again.fingerprint != Mixer(config, SAMPLES, seed=4).fingerprint


def test_levels_lie_where_the_settings_say(config: MixtureConfig) -> None:
    config.room_share = 0.0
    config.noise_share = 1.0
    mixer = Mixer(config, SAMPLES)
    for number in range(20):
        mixture = mixer[number]
        assert mixture.noisy.shape == mixture.clean.shape == (SAMPLES,)
        assert mixture.noisy.dtype == np.float32
        peak_db = 20 * np.log10(np.abs(mixture.noisy).max())
        assert config.peak_low_db - 0.01 <= peak_db <= config.peak_high_db + 0.01
        noise = mixture.noisy - mixture.clean
        snr_db = 10 * np.log10(np.mean(mixture.clean**2) / np.mean(noise**2))
        assert snr_db == pytest.approx(mixture.snr_db, abs=0.01)
        assert config.snr_low_db <= snr_db <= config.snr_high_db


def test_without_noise_and_rooms_a_mixture_is_clean(config: MixtureConfig) -> None:
    config.noise_share = config.room_share = 0.0
    mixture = Mixer(config, SAMPLES)[0]
    assert np.array_equal(mixture.noisy, mixture.clean)
    assert mixture.snr_db == np.inf


def test_speech_that_is_too_short_is_repeated(tmp_path: Path) -> None:
    config = MixtureConfig([folder_of(tmp_path / "speech", 1, seconds=1.25)], noise_share=0.0)
    clean = Mixer(config, 2 * RATE)[0].clean
    assert np.allclose(clean[: RATE // 2], clean[5 * RATE // 4 : 7 * RATE // 4], atol=1e-4)


def test_weights_decide_how_often_a_source_is_drawn(tmp_path: Path) -> None:
    rare, frequent = folder_of(tmp_path / "a", 3), folder_of(tmp_path / "b", 1, 20)
    rare.weight, frequent.weight = 1.0, 9.0
    mixer = Mixer(MixtureConfig([rare, frequent], noise_share=0.0), RATE // 4)
    drawn = [mixer[number].parts[0] for number in range(100)]
    assert 80 <= drawn.count("20") <= 98


def test_a_room_keeps_the_direct_sound_in_its_place() -> None:
    speech = np.zeros(3000, np.float32)
    speech[100] = 1.0
    response = np.zeros(1000, np.float32)
    response[[30, 500]] = -0.5, 0.1
    wet = in_room(speech, response)
    assert wet[100] == pytest.approx(1.0, abs=1e-5)
    assert wet[570] == pytest.approx(-0.2, abs=1e-5)
    with pytest.raises(AudioError, match="hall: is silent"):
        in_room(speech, np.zeros(10, np.float32), "hall")


def test_noise_has_the_length_that_is_asked_for() -> None:
    random = np.random.default_rng(0)
    made = repeated(np.arange(5.0), 12, random)
    assert len(made) == 12
    assert set(np.diff(made)) <= {1.0, -4.0}
    assert coloured_noise(1001, RATE, random).shape == (1001,)


def test_silent_and_damaged_recordings_are_passed_over(config: MixtureConfig, tmp_path: Path) -> None:
    save_audio(tmp_path / "speech" / "silence.wav", np.zeros(3 * RATE, np.float32))
    mixer = Mixer(config, SAMPLES)
    assert all("silence" not in mixer[number].parts for number in range(20))
    only = MixtureConfig([SourceConfig(str(tmp_path / "still"))])
    (tmp_path / "still").mkdir()
    save_audio(tmp_path / "still" / "silence.wav", np.zeros(3 * RATE, np.float32))
    with pytest.raises(DataError, match="silence: is silent there"):
        Mixer(only, SAMPLES)[0]


def test_what_cannot_be_mixed_is_refused(config: MixtureConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no speech"):
        Mixer(MixtureConfig(), SAMPLES)
    with pytest.raises(DataError, match=r"no recording of speech lasts 10 s"):
        Mixer(MixtureConfig(config.speech, min_seconds=10.0), SAMPLES)
    with pytest.raises(ConfigError, match=r"room_share is 1\.5"):
        MixtureConfig(room_share=1.5)
    with pytest.raises(ConfigError, match="give it to all"):
        Mixer(MixtureConfig([*config.speech, SourceConfig("x", weight=1.0)]), SAMPLES)
