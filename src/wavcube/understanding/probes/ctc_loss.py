"""CTC loss of many sequences at once, on a CPU many times as fast as torch's.

torch's CPU kernel walks each item's lattice cell by cell in the log domain. Here one step of the recursion is six
operations on the states of all items, which stand one behind the other without padding, the longest item first, so that
those that have not ended are a slice. Probabilities are relative to the blank's at their frame, so that a blank costs
nothing, and powers of two keep them in range (Rabiner 1989).
A weight on each advance to the next label keeps the probable part of the lattice in range: every path advances equally
often, so that it cancels out of the posteriors.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from wavcube.padding import valid_mask

LATTICE_BYTES = 48 << 20
"""Of forward probabilities in memory at once; more items are done one group after the other."""

HEADROOM = 300.0
"""Natural logarithm of how far probabilities may grow or fall between two corrections; float64 ends at 708."""


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
        losses, gradient = logits.new_empty(len(logits)), torch.zeros_like(logits)
        group = max(1, LATTICE_BYTES // (8 * (targets.shape[1] + 1) * logits.shape[1]))
        for part in lengths.argsort(descending=True).split(group):
            frames = int(lengths[part[0]])
            losses[part], gradient[part, :frames] = _losses(
                logits[part, :frames], lengths[part], targets[part], target_lengths[part]
            )
        ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, loss_gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * loss_gradient[:, None, None], None, None, None


def _losses(logits: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Losses [N] and their gradients [N, T, V] in the logits; the longest item comes first and has T frames."""
    count, frames, classes = logits.shape
    logs = logits.log_softmax(-1)
    valid = valid_mask(lengths, frames)
    relative = (logs - logs[..., :1]).masked_fill_(~valid[..., None], 0.0)
    log_advance = _log_advance(relative, lengths, targets, target_lengths)
    reach = float(relative.abs().max()) + float(log_advance.abs().max()) + 1.0
    if not reach < 2 * HEADROOM:
        return _losses_of_torch(logits, lengths, targets, target_lengths)

    labels = F.pad(targets, (1, 0))[valid_mask(target_lengths + 1, targets.shape[1] + 1)]
    item = torch.arange(count).repeat_interleave(target_lengths + 1)
    ends = (target_lengths + 1).cumsum(0) - 1
    starts = ends - target_lengths
    column = item * classes + labels
    emitted = relative.transpose(0, 1).flatten(1).index_select(1, column).double().exp_()
    emitted[:, starts] = 0.0
    items = valid.sum(0)
    lattice = _Lattice(
        emitted=emitted.numpy(),
        advance=log_advance.exp()[item].numpy(),
        differs=F.pad((labels[1:] != labels[:-1]).double(), (0, 1)).numpy(),
        starts=starts.numpy(),
        ends=ends.numpy(),
        item=item.numpy(),
        last_frames=(lengths - 1).numpy(),
        items=items.tolist(),
        states=(ends[items - 1] + 1).tolist(),
        every=max(1, int(HEADROOM / reach)),
    )
    occupied, exponents, final, final_exponents = lattice.forward()
    lattice.times_backward(occupied, exponents)

    possible = torch.from_numpy(final > 0)
    log_total = torch.from_numpy(np.log(np.where(final > 0, final, 1.0)) + math.log(2) * final_exponents)
    posterior = torch.zeros(frames, count * classes, dtype=torch.float64)
    posterior.index_add_(1, column, torch.from_numpy(occupied))
    factors = torch.from_numpy(exponents).mul(math.log(2)).sub_(log_total).exp_()
    posterior = posterior.unflatten(1, (count, classes)).mul_(factors[..., None])
    posterior[..., 0] = 1.0 - posterior[..., 1:].sum(-1)
    gradient = logs.exp().sub_(posterior.transpose(0, 1).to(logs.dtype)).mul_((valid & possible[:, None])[..., None])
    blanks = (logs[..., 0].double() * valid).sum(1)
    losses = torch.where(possible, target_lengths * log_advance - log_total - blanks, 0.0)
    return losses.to(logs.dtype), gradient


def _losses_of_torch(logits: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The same by torch's kernel, for probabilities beyond the range of float64."""
    with torch.enable_grad():
        precise = logits.detach().double().requires_grad_()
        logs = precise.log_softmax(-1).transpose(0, 1)
        losses = F.ctc_loss(logs, targets, lengths, target_lengths, reduction="none", zero_infinity=True)
        (gradient,) = torch.autograd.grad(losses.sum(), precise)
    return losses.detach().to(logits.dtype), gradient.to(logits.dtype)


def _log_advance(relative: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """The logarithm [N] of the weight of an advance: how much more probable blanks are than the item's labels."""
    used = valid_mask(target_lengths, targets.shape[1])
    mean = relative.sum(1) / lengths[:, None]
    own = (mean.gather(1, targets.masked_fill(~used, 0)) * used).sum(1) / target_lengths
    return -own.double().clamp(-20.0, 20.0)


@dataclass
class _Lattice:
    """The states of all items one behind the other: of an item its start, then its labels, each with a blank behind it.

    Attributes:
        emitted: [T, P], a label's probability over the blank's; 0 at starts, so that nothing crosses to the next item.
        advance: [P], the weight of an advance to the label.
        differs: [P], 1 where the next label is another one, which may then follow without a blank between.
        starts, ends: [N], the first and the last state of an item.
        item: [P], whose state it is.
        last_frames: [N].
        items, states: [T], how many have not ended at a frame.
        every: frames between two corrections of the scale.
    """

    emitted: np.ndarray
    advance: np.ndarray
    differs: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    item: np.ndarray
    last_frames: np.ndarray
    items: list[int]
    states: list[int]
    every: int

    def forward(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Forward probabilities.

        Returns:
            Of labels [T, P], and the exponents of two that they are to be multiplied with, [T, N];
            of whole items [N], and theirs.
        """
        frames, states = self.emitted.shape
        label, blank, entry = np.zeros((frames, states)), np.zeros(states), np.empty(states)
        exponents = np.zeros((frames, len(self.starts)))
        blank[self.starts] = 1.0
        label[0, self.starts + 1] = (self.emitted[0] * self.advance)[self.starts + 1]
        for now in range(1, frames):
            n = self.states[now]
            before, after, blanks, entries = label[now - 1, :n], label[now, :n], blank[:n], entry[:n]
            np.multiply(before, self.differs[:n], out=entries)
            np.add(entries, blanks, out=entries)
            np.add(blanks, before, out=blanks)
            inner = after[1:]
            np.multiply(entries[:-1], self.advance[1:n], out=inner)
            np.add(inner, before[1:], out=inner)
            np.multiply(inner, self.emitted[now, 1:n], out=inner)
            if now % self.every == 0:
                items = self.items[now]
                exponents[now:, :items] += self._rescale(after, blanks, items)
        final = label[self.last_frames, self.ends] + blank[self.ends]
        return label, exponents, final, exponents[self.last_frames, np.arange(len(self.ends))]

    def times_backward(self, forward: np.ndarray, exponents: np.ndarray) -> None:
        """Multiply forward probabilities of labels with backward ones (of what follows a frame), in place."""
        label = np.zeros(len(self.item))
        label[self.ends] = 1.0
        blank, product = label.copy(), np.empty_like(label)
        arrival = np.zeros(len(label) + 1)
        advance = np.append(self.advance[1:], 0.0)
        skip = advance * self.differs
        forward[-1] *= label
        for now in reversed(range(len(forward) - 1)):
            n = self.states[now + 1]
            labels, blanks, products, arrivals, following = (
                label[:n],
                blank[:n],
                product[:n],
                arrival[:n],
                arrival[1 : n + 1],
            )
            np.multiply(labels, self.emitted[now + 1, :n], out=arrivals)
            np.add(arrivals, blanks, out=labels)
            np.multiply(following, skip[:n], out=products)
            np.add(labels, products, out=labels)
            np.multiply(following, advance[:n], out=products)
            np.add(blanks, products, out=blanks)
            if now % self.every == 0:
                items = self.items[now + 1]
                exponents[: now + 1, :items] += self._rescale(labels, blanks, items)
            forward[now, : self.states[now]] *= label[: self.states[now]]

    def _rescale(self, label: np.ndarray, blank: np.ndarray, items: int) -> np.ndarray:
        """Divide the states of the first items by powers of two; their exponents [items]."""
        exponents = np.frexp(np.maximum.reduceat(np.maximum(label, blank), self.starts[:items]))[1]
        factors = np.ldexp(1.0, -exponents)[self.item[: len(label)]]
        np.multiply(label, factors, out=label)
        np.multiply(blank, factors, out=blank)
        return exponents
