import torch
import torch.nn.functional as F

from wavcube.generation.conversion.matching import RIDGE, Statistics, nearest_frames, with_statistics


def test_frames_get_the_wanted_mean_and_covariance() -> None:
    random = torch.Generator().manual_seed(0)
    source = torch.randn(4000, 6, generator=random) @ torch.randn(6, 6, generator=random) + 1
    target = torch.randn(3000, 6, generator=random) @ torch.randn(6, 6, generator=random) - 2
    made = with_statistics(source, Statistics.of(source), Statistics.of(target))
    assert torch.allclose(made.mean(0), target.mean(0), atol=1e-4)
    assert torch.allclose(made.T.cov(), target.T.cov(), atol=5 * RIDGE)


def test_own_statistics_change_nothing_even_of_fewer_frames_than_channels() -> None:
    frames = torch.randn(10, 32, generator=torch.Generator().manual_seed(0))
    own = Statistics.of(frames)
    assert torch.allclose(with_statistics(frames, own, own), frames, atol=1e-4)


def test_the_nearest_frames_are_those_of_a_plain_search() -> None:
    random = torch.Generator().manual_seed(0)
    queries, keys, values = (torch.randn(n, 5, generator=random) for n in (7, 20, 20))
    keys = F.normalize(keys, dim=-1)
    found = nearest_frames(queries, keys, values, 3)
    for query, frame in zip(queries, found, strict=True):
        order = sorted(range(20), key=lambda i: -float(F.cosine_similarity(query, keys[i], dim=0)))
        assert torch.allclose(frame, values[order[:3]].mean(0), atol=1e-6)
    assert torch.allclose(nearest_frames(queries, keys[:2], values[:2], 3), values[:2].mean(0).expand(7, 5), atol=1e-6)
