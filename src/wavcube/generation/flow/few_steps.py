"""Distillation: a model learns to take several steps of its own guided solver at once.

The model is its own student. Beside the time at which a step begins it is given the time at which the step ends, and it
learns the mean velocity between the two that its frozen former self has under guidance. Without an end it goes on
learning the velocity at a time, so one set of weights makes speech in many steps and in few. Steps that begin on the
straight way from noise to real frames are those of progressive distillation (arXiv 2202.00512); one network for steps
of several sizes is the idea of shortcut models (arXiv 2410.12557).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from wavcube.codec.blocks.masking import length_mask
from wavcube.generation.flow.flow_matching import FlowMatching, FlowSettings, Model, NoiseSample, sample_noise
from wavcube.generation.flow.solver import SolverSettings, guided
from wavcube.padding import valid_mask

TEACHER_STEPS = 16


@dataclass
class FewStepSettings:
    """Distillation into few steps.

    Attributes:
        steps: of the distilled model: 1, 2, 4 or 8; 0 for no distillation.
        share: of the items of a batch that learn steps; the others learn the velocity as before.
        guidance: the teacher's, which the steps then have in them.
    """

    steps: int = 0
    share: float = 0.5
    guidance: float = 2.0


def few_step_grid(steps: int) -> Tensor:
    """Times [steps + 1] from 0 to 1 of a distilled model's steps: every so many of the teacher's."""
    return SolverSettings(TEACHER_STEPS).time_grid()[:: TEACHER_STEPS // steps]


class FewStepDistillation(FlowMatching[Model]):
    """Training form of a model that learns few steps: a batch -> its loss.

    Args:
        model: the student, whose transformer has `few_steps`.
        flow: chances of training, see `FlowMatching`.
        settings: see `FewStepSettings`.
        teacher: what the model was, frozen, in evaluation mode and on the same device.
    """

    def __init__(self, model: Model, flow: FlowSettings, settings: FewStepSettings, teacher: Model) -> None:
        super().__init__(model, flow)
        self.distillation = settings
        self._teacher = (teacher,)  # in a tuple it is no part of what trains and is saved

    def forward(
        self,
        values: Tensor,
        lengths: Tensor,
        text: Tensor,
        ends: Tensor | None = None,
        noise_sample: NoiseSample | None = None,
    ) -> Tensor:
        """Squared errors of velocities and of steps, weighted by the share of each; see `FlowMatching.forward`."""
        noise_sample = noise_sample or sample_noise(self.model.normalise(values), lengths, self.settings)
        # Every so many items, since the items of a batch are sorted by length.
        share = self.distillation.share
        counted = (torch.arange(len(values) + 1, device=values.device) * share).floor()
        steps = counted[1:] > counted[:-1]
        loss = values.new_zeros(())
        for rows, error, weight in ((~steps, super().forward, 1 - share), (steps, self.step_error, share)):
            if rows.any():
                size = int(lengths[rows].max())  # no text has more tokens than its item frames
                own_ends = None if ends is None else ends[rows, :size]
                own = (values[rows, :size], lengths[rows], text[rows, :size], own_ends, noise_sample.rows(rows, size))
                loss = loss + weight * error(*own)
        return loss

    def step_error(
        self, values: Tensor, lengths: Tensor, text: Tensor, ends: Tensor | None, noise_sample: NoiseSample
    ) -> Tensor:
        """Mean squared error of the mean velocity over a step, over all frames, a scalar.

        All frames count and not the hidden span alone, since also the frames of a prompt go from noise to speech on the
        way. Which step it is follows from the time of `noise_sample`.
        """
        steps = self.distillation.steps
        frames = self.model.normalise(values)
        valid = valid_mask(lengths, frames.shape[1])
        masked = None if length_mask(lengths, frames.shape[1]) is None else lengths
        shown = frames * (~noise_sample.span & valid)[..., None]
        embedded = self.model.embed(text, lengths, noise_sample.span, ends)
        number = (noise_sample.time * steps).long()
        fine = SolverSettings(TEACHER_STEPS).time_grid().to(frames.device)
        taken = TEACHER_STEPS // steps
        begin, end = fine[number * taken], fine[(number + 1) * taken]
        at = begin[:, None, None]
        noised = (1 - at) * noise_sample.noise + at * frames
        with torch.no_grad():
            reached = self._follow(noised, shown, text, lengths, noise_sample.span, ends, masked, fine, number * taken)
            target = (reached - noised) / (end - begin)[:, None, None]
        context = self.model.transformer.context(shown, embedded)
        made = self.model.transformer(noised, begin, context, masked, step_end=end)
        error = (made.float() - target.float()).square().mean(-1)
        return (error * valid).sum() / valid.sum()

    def _follow(self, noised: Tensor, shown: Tensor, text: Tensor, lengths: Tensor, span: Tensor, ends: Tensor | None,
                masked: Tensor | None, grid: Tensor, first: Tensor) -> Tensor:  # fmt: skip
        """Where the teacher's Euler steps lead from `noised`, the first of each item at `grid[first]`."""
        teacher = self._teacher[0]
        embedded = teacher.embed(text, lengths, span, ends)
        context = teacher.transformer.context(shown, embedded)
        null = teacher.transformer.context(torch.zeros_like(shown), torch.zeros_like(embedded))
        velocity = guided(teacher.transformer, context, null, masked, self.distillation.guidance)
        for step in range(TEACHER_STEPS // self.distillation.steps):
            begin, end = grid[first + step], grid[first + step + 1]
            noised = noised + velocity(noised, begin) * (end - begin)[:, None, None]
        return noised
