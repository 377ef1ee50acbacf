import pytest
import torch

from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.generation.regression import masks


def test_blocks_of_long_recordings_are_what_the_whole_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    speech = torch.from_numpy(load_audio(SPEECH / "p287_002.flac"))
    noise = 0.1 * torch.randn(len(speech), generator=torch.manual_seed(0))
    mixture, sources = speech + noise, torch.stack([speech, noise])
    cases = ((masks.masked, speech), (masks.shared, sources))
    whole = [function(mixture, made.clone()) for function, made in cases]
    monkeypatch.setattr(masks, "BLOCK", 50 * masks.HOP)
    for (function, made), expected in zip(cases, whole, strict=True):
        over = made.clone()
        assert function(mixture, over) is over
        assert torch.allclose(over, expected, atol=1e-6)


def test_shares_of_the_true_talkers_are_near_to_them_and_add_up() -> None:
    one, other = (torch.from_numpy(load_audio(SPEECH / name))[:40_000] for name in ("p287_002.flac", "LJ001-0013.opus"))
    sources = torch.stack([one, other])
    made = masks.shared(one + other, sources.clone())
    assert torch.allclose(made.sum(0), one + other, atol=1e-4)
    for found, true in zip(made, sources, strict=True):
        assert (found - true).square().sum() < 0.1 * true.square().sum()
