import pytest
import torch

from wavcube.errors import ConfigError
from wavcube.features import build_feature_extractor


def test_stacked_frames_are_neighbours_side_by_side() -> None:
    inner, stacked = build_feature_extractor("logmel"), build_feature_extractor("frame_stacking:3:logmel")
    waveform, lengths = 0.1 * torch.randn(2, 16_000), torch.tensor([16_000, 9_000])
    values, frames = inner(waveform, lengths)
    pairs, count = stacked(waveform, lengths)
    assert stacked.dim == 3 * inner.dim
    assert stacked.frame_rate == inner.frame_rate / 3
    assert count.tolist() == [int(n) // 3 for n in frames]
    for row in (0, 1):
        whole = int(count[row])
        assert torch.equal(pairs[row, :whole].reshape(-1, inner.dim), values[row, : 3 * whole])
        assert not pairs[row, whole:].any()
    assert stacked(waveform[:, : stacked.shortest])[1].tolist() == [1, 1]
    assert stacked.frames(stacked.shortest - 1) == 0


@pytest.mark.parametrize(
    "wrong", ["stacked", "frame_stacking:2", "stacked:two:logmel", "frame_stacking:1:logmel", "frame_stacking:2:"]
)
def test_impossible_stacks_are_refused(wrong: str) -> None:
    with pytest.raises(ConfigError):
        build_feature_extractor(wrong)
