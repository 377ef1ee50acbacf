"""The same list as noise and as rooms gave mixtures one fingerprint: frames of the one were read for the other."""

from dataclasses import replace
from pathlib import Path

from tests.data.tones import tone
from wavcube.audio.io import save_audio
from wavcube.data.config import SourceConfig
from wavcube.data.mixing import Mixer, MixtureConfig


def test_a_fingerprint_says_what_a_list_is_used_for(tmp_path: Path) -> None:
    for number in range(2):
        save_audio(tmp_path / f"{number}.wav", tone(number, 1.5))
    recordings = [SourceConfig(str(tmp_path))]
    plain = MixtureConfig(recordings)
    noisy, reverberant = (
        Mixer(replace(plain, **{kind: recordings}), 16_000).fingerprint for kind in ("noise", "rooms")
    )
    assert noisy != reverberant
