import pytest
import torch
import torch.nn.functional as F

from wavcube.generation.conversion import matching
from wavcube.generation.conversion.matching import RIDGE, Statistics, VoiceMap, nearest


def test_frames_get_the_wanted_mean_and_covariance() -> None:
    random = torch.Generator().manual_seed(0)
    source = torch.randn(4000, 6, generator=random) @ torch.randn(6, 6, generator=random) + 1
    target = torch.randn(3000, 6, generator=random) @ torch.randn(6, 6, generator=random) - 2
    made = VoiceMap.between(Statistics.of(source), Statistics.of(target))(source)
    assert torch.allclose(made.mean(0), target.mean(0), atol=1e-4)
    assert torch.allclose(made.T.cov(), target.T.cov(), atol=5 * RIDGE)


def test_own_statistics_change_nothing_even_of_fewer_frames_than_channels() -> None:
    frames = torch.randn(10, 32, generator=torch.Generator().manual_seed(0))
    own = Statistics.of(frames)
    assert torch.allclose(VoiceMap.between(own, own)(frames), frames, atol=1e-4)


def test_statistics_in_blocks_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    random = torch.Generator().manual_seed(0)
    latents, speech = torch.randn(1000, 6, generator=random) + 3, torch.rand(1000, generator=random) > 0.3
    monkeypatch.setattr(matching, "FRAMES_AT_ONCE", 70)
    found, chosen = Statistics.of(latents, speech), latents[speech].double()
    assert torch.allclose(found.mean, chosen.mean(0), atol=1e-12)
    plain = chosen.T.cov(correction=0) + RIDGE * torch.eye(6)
    assert torch.allclose(found.covariance, plain, atol=1e-12)


def test_the_nearest_frames_are_those_of_a_plain_search() -> None:
    random = torch.Generator().manual_seed(0)
    queries, keys = (torch.randn(n, 5, generator=random) for n in (7, 20))
    keys = F.normalize(keys, dim=-1)
    for query, found in zip(queries, nearest(queries, keys, 3).tolist(), strict=True):
        assert found == sorted(range(20), key=lambda i: -float(F.cosine_similarity(query, keys[i], dim=0)))[:3]
    assert nearest(queries, keys[:2], 3).sort(-1).values.tolist() == [[0, 1]] * 7
