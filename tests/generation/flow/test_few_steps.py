import copy

import pytest
import torch

from tests.generation.small import CHANNELS, small_flow
from wavcube.errors import ConfigError
from wavcube.generation.flow.config import TransformerConfig
from wavcube.generation.flow.few_steps import FewStepDistillation, FewStepSettings, few_step_grid
from wavcube.generation.flow.flow_matching import FlowSettings, sample_noise
from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.tts.model import FlowMatchingTTS, SynthesisRequest

FEW = SolverSettings(few_steps=True)


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    text = torch.randint(1, 20, (4, 8), generator=generator)
    return torch.randn(4, 40, CHANNELS, generator=generator), torch.tensor([40, 25, 31, 40]), text


def distillation(share: float = 0.5, steps: int = 4) -> FewStepDistillation[FlowMatchingTTS]:
    teacher = small_flow()
    student = teacher.with_few_steps(steps)
    return FewStepDistillation(student, FlowSettings(), FewStepSettings(steps, share), teacher)


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_steps_are_some_of_the_teachers(steps: int) -> None:
    grid, fine = few_step_grid(steps), SolverSettings(16).time_grid()
    assert len(grid) == steps + 1
    assert grid[0] == 0
    assert grid[-1] == 1
    assert all((fine == time).any() for time in grid)


def test_before_it_learns_the_model_is_what_it_was() -> None:
    teacher = small_flow()
    item = SynthesisRequest(torch.randn(10, CHANNELS), teacher.token_ids("some words"), 20, 3)
    wanted = teacher.generate([item], SolverSettings(4))[0]
    torch.testing.assert_close(teacher.with_few_steps(4).generate([item], SolverSettings(4))[0], wanted)


def test_a_model_that_is_not_distilled_is_refused() -> None:
    model = small_flow()
    with pytest.raises(ConfigError, match="not distilled"):
        model.generate([SynthesisRequest(torch.randn(10, CHANNELS), model.token_ids("some words"), 20, 3)], FEW)
    with pytest.raises(ConfigError, match="few_steps is 3"):
        TransformerConfig(few_steps=3)


def test_the_teacher_is_no_part_of_what_is_saved() -> None:
    objective = distillation()
    assert objective.state_dict().keys() == {f"model.{key}" for key in objective.model.state_dict()}


def test_padding_changes_no_steps_error() -> None:
    objective = distillation(share=1.0).eval()
    values, lengths, text = batch()
    noise_sample = sample_noise(values, lengths, FlowSettings())
    together = objective(values, lengths, text, noise_sample=noise_sample)
    total = 0.0
    for i, length in enumerate(lengths.tolist()):
        one = noise_sample.rows(torch.arange(4) == i, length)
        total += length * float(objective(values[i : i + 1, :length], lengths[i : i + 1], text[i : i + 1],
                                          noise_sample=one).detach())  # fmt: skip
    assert float(together.detach()) == pytest.approx(total / int(lengths.sum()), rel=1e-4)


def test_the_two_losses_add_up_by_their_shares() -> None:
    objective = distillation(share=0.5).eval()
    values, _, text = batch()
    lengths = torch.tensor([40, 40, 31, 25])
    noise_sample = sample_noise(values, lengths, FlowSettings())
    velocities, steps = torch.tensor([True, False, True, False]), torch.tensor([False, True, False, True])
    parts = [
        error(values[rows], lengths[rows], text[rows], None, noise_sample.rows(rows, 40))
        for error, rows in ((super(FewStepDistillation, objective).forward, velocities), (objective.step_error, steps))
    ]
    together = objective(values, lengths, text, noise_sample=noise_sample)
    assert float(together.detach()) == pytest.approx(0.5 * float((parts[0] + parts[1]).detach()), rel=1e-5)


@pytest.mark.long
def test_four_steps_learn_where_sixteen_lead() -> None:
    torch.manual_seed(0)
    objective = distillation(share=1.0)
    teacher = copy.deepcopy(objective.model)
    values, lengths, text = batch()
    items = [SynthesisRequest(torch.randn(8, CHANNELS), text[i].tolist(), 24, i) for i in range(4)]
    wanted = torch.stack(teacher.generate(items, SolverSettings(16)))

    def distance() -> float:
        made = torch.stack(objective.model.eval().generate(items, FEW))
        return float((made - wanted).norm() / wanted.norm())

    before = distance()
    optimizer = torch.optim.AdamW(objective.model.parameters(), 3e-3)
    objective.train()
    for _ in range(150):
        loss = objective(values[:, :32], lengths.clamp_max(32), text)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert distance() < before / 2
