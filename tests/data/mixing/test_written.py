from pathlib import Path

import numpy as np
import pytest

from tests.data.tones import RATE, tone
from wavcube.audio.io import load_audio, save_audio
from wavcube.data.config import SourceConfig
from wavcube.data.manifest import read_clips
from wavcube.data.mixing import Mixer, MixtureConfig
from wavcube.data.mixing.written import write_mixtures
from wavcube.errors import DataError


def test_whole_utterances_are_written_beside_their_clean_speech(tmp_path: Path) -> None:
    (tmp_path / "speech").mkdir()
    for number, seconds in enumerate((0.5, 1.25)):
        save_audio(tmp_path / "speech" / f"{number}.wav", tone(number, seconds))
    source = SourceConfig(str(tmp_path / "speech"))
    mixer = Mixer(MixtureConfig([source], min_seconds=0.0, noise_share=1.0, snr_low_db=5.0, snr_high_db=5.0), RATE)
    clips = read_clips(tmp_path / "speech")
    listed = write_mixtures(mixer, clips, tmp_path / "out")
    found = read_clips(listed)
    assert [clip.columns["speech"] for clip in found] == ["0", "1"]
    for clip, original in zip(found, clips, strict=True):
        noisy, clean = load_audio(clip.path), load_audio(tmp_path / "out" / clip.columns["clean"])
        assert len(noisy) == len(clean) == round((original.seconds or 0) * RATE)
        ratio = 10 * np.log10(np.mean(clean**2) / np.mean((noisy - clean) ** 2))
        assert ratio == pytest.approx(5.0, abs=0.1)
        assert clip.columns["parts"] == "coloured noise" or "+" in clip.columns["parts"]
    with pytest.raises(DataError, match="is not empty"):
        write_mixtures(mixer, clips, tmp_path / "out")
