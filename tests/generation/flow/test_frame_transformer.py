import pytest
import torch

from wavcube.errors import ConfigError
from wavcube.generation.flow.frame_transformer import FrameTransformer, FrameTransformerConfig

SMALL = FrameTransformerConfig(width=32, layers=2, heads=2, position_kernel=7, position_groups=4)


def small(seed: int = 0) -> FrameTransformer:
    generator = torch.manual_seed(seed)
    model = FrameTransformer(5, 3, SMALL)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model.eval()


def test_a_new_one_gives_zeros() -> None:
    assert not FrameTransformer(5, 3, SMALL)(torch.randn(2, 9, 5)).any()


def test_padding_changes_nothing() -> None:
    model, lengths = small(), torch.tensor([11, 4, 7])
    frames = torch.randn(3, 11, 5)
    together = model(frames, lengths)
    for item, n, made in zip(frames, lengths.tolist(), together, strict=True):
        alone = model(item[None, :n])[0]
        assert torch.linalg.norm(made[:n] - alone) < 1e-5 * torch.linalg.norm(alone)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="width 30"):
        FrameTransformerConfig(width=30, heads=4)
    with pytest.raises(ConfigError, match="must be odd"):
        FrameTransformerConfig(position_kernel=4)
