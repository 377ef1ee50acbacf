"""Training by durations on stored latents was refused for being of another model than MFCC."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from wavcube.data.clip import Clip
from wavcube.errors import DataError
from wavcube.generation.tts.durations.alignment import align_corpora


def test_latents_without_audio_cannot_be_aligned(tmp_path: Path) -> None:
    clip = Clip("a", tmp_path / "latents/latents.json/a", seconds=1.0, transcript="a", columns={"latent": "0"})
    corpus = SimpleNamespace(examples=[SimpleNamespace(utterance=clip, key="a", token_ids=[1])])
    with pytest.raises(DataError, match=r"latents: holds latents without audio, .*text_alignment=uniform"):
        align_corpora([corpus], None, tmp_path / "cache")  # type: ignore[list-item, arg-type]
