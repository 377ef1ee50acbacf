from pathlib import Path

import numpy as np
import pytest

from tests.data.tones import RATE, tone
from wavcube.audio.io import save_audio
from wavcube.data.config import SourceConfig
from wavcube.data.mixing import TalkerConfig, TalkerMixer
from wavcube.errors import DataError


def listed(folder: Path, speakers: list[str]) -> SourceConfig:
    rows = ["path\tspeaker"]
    for number, speaker in enumerate(speakers):
        save_audio(folder / f"{number}.wav", tone(number, 3.0))
        rows.append(f"{number}.wav\t{speaker}")
    (folder / "speech.tsv").write_text("\n".join(rows) + "\n")
    return SourceConfig(str(folder / "speech.tsv"))


def test_two_speakers_add_up_and_a_number_gives_the_same_mixture(tmp_path: Path) -> None:
    source = listed(tmp_path, ["a", "a", "b", "c"])
    mixer = TalkerMixer(TalkerConfig([source], noise_share=0.0, partial_share=0.0, enrolment_seconds=1.0), RATE)
    mixer[7]
    for number in range(10):
        found = mixer[number]
        assert found.sources.shape == (2, RATE)
        assert found.enrolment.shape == (RATE,)
        assert np.allclose(found.sources.sum(0), found.mixture, atol=1e-6)
        level = 20 * np.log10(np.std(found.sources[0]) / np.std(found.sources[1]))
        assert abs(level - found.difference_db) < 0.2
        assert abs(level) < 5.2
        first, second = (mixer.by_speaker, *found.parts)[1:]
        speaker = {clip.name: clip.columns["speaker"] for clip in mixer.speech.clips}
        assert speaker[first.split("@")[0]] != speaker[second.split("@")[0]]
    again = TalkerMixer(mixer.config, RATE)
    assert np.array_equal(again[7].mixture, mixer[7].mixture)
    assert again.fingerprint == mixer.fingerprint


def test_lists_without_two_speakers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="all speech is of one speaker"):
        TalkerMixer(TalkerConfig([listed(tmp_path, ["a", "a"])]), RATE)
    with pytest.raises(DataError, match="has no speaker"):
        TalkerMixer(TalkerConfig([SourceConfig(str(tmp_path))]), RATE)
