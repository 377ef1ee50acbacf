from pathlib import Path

import numpy as np
import pytest

from tests.data.tones import RATE, tone
from wavcube.audio.io import audio_info, load_audio, save_audio
from wavcube.data.config import SourceConfig
from wavcube.data.manifest import read_clips
from wavcube.data.mixing import TalkerConfig, TalkerMixer
from wavcube.data.mixing.written_talkers import write_talker_mixtures
from wavcube.errors import DataError


@pytest.fixture
def mixer(tmp_path: Path) -> TalkerMixer:
    rows = ["path\tspeaker\ttranscript"]
    for number, (speaker, seconds) in enumerate((("a", 0.5), ("a", 2.0), ("b", 1.25))):
        save_audio(tmp_path / f"{number}.wav", tone(number, seconds))
        rows.append(f"{number}.wav\t{speaker}\tsaid {number}")
    (tmp_path / "speech.tsv").write_text("\n".join(rows) + "\n")
    source = SourceConfig(str(tmp_path / "speech.tsv"))
    return TalkerMixer(TalkerConfig([source], min_seconds=0.0, noise_share=0.0, enrolment_seconds=1.0), RATE, 3)


def test_talkers_are_written_beside_their_mixture_and_their_enrolment(mixer: TalkerMixer, tmp_path: Path) -> None:
    listed = write_talker_mixtures(mixer, 6, tmp_path / "out")
    lengths = {"0": 0.5, "1": 2.0, "2": 1.25}
    firsts = []
    for clip in read_clips(listed):
        row = clip.columns
        firsts.append(row["speech1"])
        assert row["speaker1"] != row["speaker2"]
        mixture = load_audio(clip.path)
        sources = [load_audio(listed.parent / row[f"source{k}"]) for k in (1, 2)]
        seconds = min(lengths[row[f"speech{k}"]] for k in (1, 2))
        assert len(mixture) == len(sources[0]) == len(sources[1]) == round(seconds * RATE)
        assert np.allclose(sources[0] + sources[1], mixture, atol=2 / 32768)
        for k in (1, 2):
            number = row[f"speech{k}"]
            assert row[f"transcript{k}"] == (f"said {number}" if lengths[number] == seconds else "")
            if row[f"speaker{k}"] == "b":  # who has no other recording
                assert row[f"enrolment{k}"] == ""
            else:
                assert audio_info(listed.parent / row[f"enrolment{k}"]).seconds in (0.5, 1.0)
    assert sorted(firsts) == ["0", "0", "1", "1", "2", "2"]
    with pytest.raises(DataError, match="is not empty"):
        write_talker_mixtures(mixer, 1, tmp_path / "out")


def test_the_longer_one_stays_whole_if_asked_for(mixer: TalkerMixer, tmp_path: Path) -> None:
    listed = write_talker_mixtures(mixer, 3, tmp_path / "out", whole=True, enrolments=False)
    lengths = {"0": 0.5, "1": 2.0, "2": 1.25}
    for clip in read_clips(listed):
        assert clip.seconds == max(lengths[clip.columns[f"speech{k}"]] for k in (1, 2))
        assert all(clip.columns[f"transcript{k}"] for k in (1, 2))
        assert clip.columns["enrolment1"] == ""
    assert not (tmp_path / "out/enrolments").exists()
