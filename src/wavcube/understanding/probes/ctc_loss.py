"""CTC loss of many sequences at once, on a CPU two to three times as fast as torch's.

torch's CPU kernel walks each item's lattice cell by cell in the log domain. Here one step of the recursion is a few
operations on all items together, in probabilities that are rescaled at every frame (Rabiner 1989).
A weight on each advance to the next label keeps the probable part of the lattice in range: every path advances equally
often, so that it cancels out of the posteriors.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from wavcube.padding import valid_mask

LATTICE_BYTES = 24 << 20
"""Of forward probabilities in memory at once; more items are done one group after the other."""

TINY = 1e-300


def ctc_loss(logits: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """Negative log likelihood [N] of targets (Graves et al. 2006), 0 without gradient where no path exists.

    Args:
        logits: [N, T, V], before the softmax; class 0 is the blank.
        lengths: [N], valid frames.
        targets: [N, S], classes, at least 1; what lies beyond an item's end is ignored.
        target_lengths: [N], at least 1.
    """
    if logits.device.type != "cpu":
        logs = logits.log_softmax(-1).transpose(0, 1)
        return F.ctc_loss(logs, targets, lengths, target_lengths, reduction="none", zero_infinity=True)
    return _CTCLoss.apply(logits, lengths, targets, target_lengths)


class _CTCLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
        logs = logits.detach().log_softmax(-1)
        losses, gradients = [], []
        states = 2 * targets.shape[1] + 1
        group = max(1, LATTICE_BYTES // (8 * states * logits.shape[1]))
        for first in range(0, len(logits), group):
            part = slice(first, first + group)
            loss, gradient = _losses(logs[part], lengths[part], targets[part], target_lengths[part])
            losses.append(loss)
            gradients.append(gradient)
        ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(losses)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, loss_gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * loss_gradient[:, None, None], None, None, None


def _losses(logs: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Losses [N] and their gradients [N, T, V] in the logits."""
    count, frames, classes = logs.shape
    device, size = logs.device, 2 * targets.shape[1] + 1
    # States: blank, label, blank, label, ..., blank; beyond an item's last blank there are none.
    place = torch.arange(size, device=device)
    inside = place <= 2 * target_lengths[:, None]
    labels = torch.zeros(count, size, dtype=torch.long, device=device)
    labels[:, 1::2] = targets
    labels.masked_fill_(~inside, 0)
    valid = valid_mask(lengths, frames)
    best = logs.amax(-1)
    emitted = (logs - best[..., None]).double().exp_()
    # Beyond its end an item stays in its last blank, so that all of them end together.
    emitted[~valid] = torch.eye(1, classes, dtype=torch.float64, device=device)[0]
    emitted = emitted.transpose(0, 1).contiguous()  # [T, N, V]
    advance = _advance(logs, targets, valid, target_lengths)
    is_label = place % 2 == 1
    step = torch.where(is_label, advance[:, None], 1.0) * inside
    skip = torch.zeros_like(step)
    skip[:, 3::2] = ((labels[:, 3::2] != labels[:, 1:-2:2]) & inside[:, 3::2]) * advance[:, None]
    stay = inside.double()

    # Two states that are never occupied lie in front, so that steps and skips are slices.
    forward = torch.zeros(frames, count, size + 2, dtype=torch.float64, device=device)
    scale = torch.empty(frames, count, 1, dtype=torch.float64, device=device)
    forward[0, :, 2] = 1.0
    forward[0, :, 3] = advance
    for now in range(frames):
        after = forward[now, :, 2:]
        if now:
            before = forward[now - 1]
            torch.mul(stay, before[:, 2:], out=after)
            after.addcmul_(step, before[:, 1:-1]).addcmul_(skip, before[:, :-2])
        after.mul_(emitted[now].gather(1, labels))
        torch.sum(after, -1, keepdim=True, out=scale[now])
        after.div_(scale[now].clamp_min_(TINY))

    # `backward` is what follows a frame's state, without the frame's own emission.
    ends = torch.zeros(count, size, dtype=torch.float64, device=device)
    ends.scatter_(1, 2 * target_lengths[:, None], 1.0).scatter_(1, 2 * target_lengths[:, None] - 1, 1.0)
    final = (forward[-1, :, 2:] * ends).sum(-1)
    posterior = torch.zeros(frames, count, classes, dtype=torch.float64, device=device)
    following = torch.zeros(count, size + 2, dtype=torch.float64, device=device)
    steps, skips = (F.pad(weights, (0, 2)) for weights in (step, skip))
    backward, occupied, possible = ends, torch.empty_like(ends), final > 0
    for now in reversed(range(frames)):
        torch.mul(forward[now, :, 2:], backward, out=occupied)
        total = occupied.sum(-1, keepdim=True)
        possible &= total[:, 0] > 0
        posterior[now].scatter_add_(1, labels, occupied.div_(total.clamp_min_(TINY)))
        torch.mul(backward, emitted[now].gather(1, labels), out=following[:, :size])
        following.div_(following.sum(-1, keepdim=True).clamp_min_(TINY))
        torch.mul(following[:, :size], stay, out=backward)
        backward.addcmul_(following[:, 1:-1], steps[:, 1:-1]).addcmul_(following[:, 2:], skips[:, 2:])
    log_scale = scale[..., 0].log().sum(0) + (best * valid).sum(1)
    loss = -(final.clamp_min(TINY).log() + log_scale - target_lengths * advance.log())
    gradient = logs.exp().sub_(posterior.transpose(0, 1)).mul_((valid & possible[:, None])[..., None])
    return torch.where(possible, loss, 0.0).to(logs.dtype), gradient


def _advance(logs: Tensor, targets: Tensor, valid: Tensor, target_lengths: Tensor) -> Tensor:
    """The weight [N] of an advance to the next label: how much more probable blanks are than the item's labels."""
    mean = (logs * valid[..., None]).sum(1) / valid.sum(1, keepdim=True)
    used = valid_mask(target_lengths, targets.shape[1])
    own = (mean.gather(1, targets) * used).sum(1) / target_lengths
    return (mean[:, 0] - own).double().clamp(-20.0, 20.0).exp()
