"""The fit of a duration network to an alignment: maximum likelihood, with some utterances held out."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from wavcube.generation.tts.durations.duration_network import DurationNetwork
from wavcube.generation.tts.text.vocabulary import FILLER

EPOCHS, MOST_STEPS, BATCH = 40, 2_500, 32
LEARNING_RATE, WARMUP, WEIGHT_DECAY = 2e-3, 50, 0.1
EVERY, PATIENCE = 50, 6
"""Steps from one look at the held-out utterances to the next, and looks without an improvement that end a fit."""

HELD_OUT, LEAST_UTTERANCES = 20, 40
"""One utterance in so many is held out, from so many utterances on."""

UNKNOWN_RATE = 0.5
"""Share of the utterances whose rate is hidden."""

FARTHEST_RATE = 0.5
"""Of an utterance's logarithm of durations over the usual ones: one of few tokens may have an extreme mean."""

Timed = tuple[Tensor, Tensor]
"""Ids [N] of an utterance's tokens and the seconds [N] of each, 0 for a pause that is not there."""


@dataclass
class DurationFit:
    """What a fit gave.

    Attributes:
        steps: after how many the network was best on what was held out; all of them where nothing was.
        loss: mean negative log-likelihood of a token there, in nats; nan where nothing was held out.
    """

    steps: int
    loss: float


def fit_durations(
    network: DurationNetwork,
    utterances: Sequence[Timed],
    *,
    seed: int = 0,
    begin: bool = True,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> DurationFit:
    """Fit a network in place.

    Args:
        network: on any device; what is drawn is drawn on the CPU.
        utterances: an alignment.
        seed: of the order and of which rates are hidden.
        begin: set the usual durations from the utterances; False to go on from a network that has been fitted.
        report: called with the steps done and the steps in all.
    """
    generator = torch.Generator().manual_seed(seed)
    if begin:
        _set_usual(network, utterances)
    held_out = list(utterances[::HELD_OUT]) if len(utterances) >= LEAST_UTTERANCES else []
    learnt = [one for i, one in enumerate(utterances) if not held_out or i % HELD_OUT]
    learnt.sort(key=lambda one: len(one[0]))  # batches of like length have half the padding
    batches = -(-len(learnt) // BATCH)
    steps = min(MOST_STEPS, EPOCHS * batches)
    network.requires_grad_(True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / WARMUP) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
    )
    best = DurationFit(0, _held_out_loss(network, held_out)) if held_out else DurationFit(steps, math.nan)
    weights = copy.deepcopy(network.state_dict())
    order: list[int] = []
    for step in range(1, steps + 1):
        if not order:
            order = torch.randperm(batches, generator=generator).tolist()
        first = order.pop() * BATCH
        chosen = learnt[first : first + BATCH]
        hidden = torch.rand(len(chosen), generator=generator) < UNKNOWN_RATE
        loss = _loss(network, chosen, ~hidden)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        report(step, steps)
        if held_out and (step % EVERY == 0 or step == steps):
            measured = _held_out_loss(network, held_out)
            if measured < best.loss:
                best, weights = DurationFit(step, measured), copy.deepcopy(network.state_dict())
            elif step - best.steps >= PATIENCE * EVERY:
                break
    if held_out:
        network.load_state_dict(weights)
    network.requires_grad_(False)
    return best


def utterance_rate(network: DurationNetwork, token_ids: Tensor, seconds: Tensor) -> float:
    """Mean logarithm of the durations of an utterance's tokens over their usual ones, pauses left out."""
    spoken = (seconds > 0) & ~network.is_pause(token_ids)
    if not bool(spoken.any()):
        return 0.0
    slower = (seconds[spoken].log() - network.usual.cpu()[token_ids[spoken]]).mean()
    return float(slower.clamp(-FARTHEST_RATE, FARTHEST_RATE))


def _set_usual(network: DurationNetwork, utterances: Sequence[Timed]) -> None:
    ids = torch.cat([token_ids for token_ids, _ in utterances])
    seconds = torch.cat([seconds for _, seconds in utterances])
    ids, logarithm = ids[seconds > 0], seconds[seconds > 0].log().float()
    size = len(network.usual)
    count = torch.bincount(ids, minlength=size)
    total = torch.zeros(size).index_add_(0, ids, logarithm)
    overall = logarithm.mean()
    network.usual.copy_((total + overall) / (count + 1))  # one more observation, the mean of all, for rare tokens
    with torch.no_grad():
        network.output.weight.zero_()
        network.output.bias.copy_(torch.tensor([0.0, math.log(0.4), 0.0]))


def _loss(network: DurationNetwork, chosen: Sequence[Timed], known: Tensor) -> Tensor:
    """Mean negative log-likelihood of a token's duration; of a pause also that it is there or is not."""
    device = network.device
    ids = pad_sequence([token_ids for token_ids, _ in chosen], True, FILLER)
    seconds = pad_sequence([seconds.float() for _, seconds in chosen], True)
    rates = torch.tensor([utterance_rate(network, *one) for one in chosen])
    mean, spread, presence = network(ids.to(device), rates.to(device), known.to(device))
    there = seconds > 0
    pause = network.is_pause(ids)
    logarithm = torch.where(there, seconds, 1.0).log().to(device)
    likelihood = 0.5 * ((logarithm - mean) / spread).square() + spread.log() + 0.5 * math.log(2 * math.pi)
    chance = F.binary_cross_entropy_with_logits(presence, there.float().to(device), reduction="none")
    return (likelihood[there.to(device)].sum() + chance[pause.to(device)].sum()) / (ids != FILLER).sum()


@torch.no_grad()
def _held_out_loss(network: DurationNetwork, utterances: Sequence[Timed]) -> float:
    """Half with the rate known and half without."""
    known = torch.arange(len(utterances)) % 2 == 0
    parts = [
        float(_loss(network, utterances[i : i + BATCH], known[i : i + BATCH])) * len(utterances[i : i + BATCH])
        for i in range(0, len(utterances), BATCH)
    ]
    return sum(parts) / len(utterances)
