from dataclasses import replace
from pathlib import Path

import pytest

from tests.data.tones import RATE, tone
from wavcube.audio.io import save_audio
from wavcube.data.config import SourceConfig
from wavcube.data.mixing import Mixer, MixtureConfig, TalkerConfig, TalkerMixer
from wavcube.data.rows import write_table
from wavcube.errors import ConfigError


@pytest.fixture
def speech(tmp_path: Path) -> list[SourceConfig]:
    """A list of two recordings of two speakers."""
    for number in range(2):
        save_audio(tmp_path / f"{number}.wav", tone(number, 1.5))
    write_table(tmp_path / "list.tsv", ["path", "speaker"], [["0.wav", "a"], ["1.wav", "b"]])
    return [SourceConfig(str(tmp_path / "list.tsv"))]


def test_a_fingerprint_is_of_all_that_mixtures_depend_on(speech: list[SourceConfig]) -> None:
    config, talkers = MixtureConfig(speech), TalkerConfig(speech)
    mixers = [
        Mixer(config, RATE),
        Mixer(config, RATE, seed=1),
        Mixer(config, RATE // 2),
        Mixer(replace(config, noise_share=0.5), RATE),
        Mixer(replace(config, noise=speech), RATE),
        Mixer(replace(config, noise=speech, rooms=speech), RATE),
        TalkerMixer(talkers, RATE),
        TalkerMixer(talkers, RATE, seed=1),
        TalkerMixer(replace(talkers, noise=speech), RATE),
    ]
    assert len({mixer.fingerprint for mixer in mixers}) == len(mixers)
    assert Mixer(config, RATE).fingerprint == mixers[0].fingerprint


def test_what_to_name_is_said_where_there_is_no_speech() -> None:
    with pytest.raises(ConfigError, match="name a folder or a list "):
        Mixer(MixtureConfig(), RATE)
    with pytest.raises(ConfigError, match="name lists of it "):
        TalkerMixer(TalkerConfig(), RATE)
