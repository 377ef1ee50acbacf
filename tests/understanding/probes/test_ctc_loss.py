import pytest
import torch
import torch.nn.functional as F

from wavcube.understanding.probes import ctc_loss as module
from wavcube.understanding.probes.ctc_loss import ctc_loss


def drawn(spread: float) -> tuple[torch.Tensor, ...]:
    """Logits, lengths, targets and their lengths: repeated labels, an impossible item, unequal lengths."""
    torch.manual_seed(0)
    items, frames, classes, longest = 10, 60, 7, 25
    logits = spread * torch.randn(items, frames, classes)
    logits[..., 0] += spread
    lengths = torch.randint(20, frames + 1, (items,))
    targets = torch.randint(1, classes, (items, longest))
    sizes = torch.minimum(torch.randint(1, longest + 1, (items,)), lengths // 2)
    targets[3], sizes[3], lengths[3] = 1, 25, 49  # one path: a blank between each two
    targets[4], sizes[4], lengths[4] = 1, 25, 48  # none
    return logits, lengths, targets, sizes


def test_an_item_without_a_path_has_neither_loss_nor_gradient():
    logits, *rest = drawn(1.0)
    logits.requires_grad_()
    losses = ctc_loss(logits, *rest)
    losses.sum().backward()
    assert losses[4] == 0
    assert not logits.grad[4].any()
    assert losses[3] > 0
    assert logits.grad[3].any()


@pytest.mark.parametrize("group", [1, 24 << 20])
@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0, 30.0, 300.0])  # the last is beyond the range of float64
def test_loss_and_gradient_are_those_of_torch(spread, group, monkeypatch):
    monkeypatch.setattr(module, "LATTICE_BYTES", group)
    logits, lengths, targets, sizes = drawn(spread)
    weights = torch.randn(len(logits))
    ours, theirs = logits.clone().requires_grad_(), logits.double().requires_grad_()
    found = ctc_loss(ours, lengths, targets, sizes)
    logs = theirs.log_softmax(-1).transpose(0, 1)
    expected = F.ctc_loss(logs, targets, lengths, sizes, reduction="none", zero_infinity=True)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-4, atol=1e-5)


def test_padding_changes_nothing():
    logits, lengths, targets, sizes = drawn(2.0)
    wide = F.pad(logits, (0, 0, 0, 13), value=50.0)
    torch.testing.assert_close(
        ctc_loss(wide, lengths, F.pad(targets, (0, 6), value=3), sizes), ctc_loss(logits, lengths, targets, sizes)
    )
