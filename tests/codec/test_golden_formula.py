"""Encoder, bottleneck, decoder and losses give the numbers that they gave when the reference's arrays last agreed.

Unlike test_golden.py this needs nothing beyond a clone: weights and inputs come from a formula
(scripts/make_formula_golden.py says how the results were made).
"""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.locations import GOLDEN
from wavcube import WavCube, WavCubeConfig
from wavcube.data.streaming import Batch
from wavcube.training.config import TrainConfig
from wavcube.training.stages import Stage

LIMIT = 5e-4
"""Relative L2. Instruction sets differ by up to 1e-4 here: the formula gives the front end ill-conditioned norms."""


def fill_by_formula(module: nn.Module) -> None:
    """Give every parameter values that depend on its place in the alphabetical list and on its shape alone."""
    with torch.no_grad():
        for i, (name, parameter) in enumerate(sorted(module.named_parameters())):
            wave = torch.cos(0.37 * torch.arange(parameter.numel(), dtype=torch.float64) * (1 + 0.013 * i) + i)
            scale = 0.1 if parameter.dim() < 2 else (2.0 / parameter[0].numel()) ** 0.5
            base = 1.0 if parameter.dim() == 1 and name.endswith("weight") else 0.0
            parameter.copy_((base + scale * wave).reshape(parameter.shape))


def formula_waveform(samples: int) -> Tensor:
    """[2, S]: two chirps with tremolo, the second at a third of the level."""
    time = torch.arange(samples, dtype=torch.float64) / 16_000
    first = torch.sin(2 * torch.pi * (200 + 900 * time) * time) * (0.6 + 0.4 * torch.sin(2 * torch.pi * 5 * time))
    second = torch.sin(2 * torch.pi * (1500 - 400 * time) * time) + 0.3 * torch.sin(2 * torch.pi * 130 * time)
    return torch.stack([0.5 * first, 0.17 * second]).float()


def formula_model(stage: int) -> WavCube:
    values = WavCubeConfig.preset("tiny").to_dict()
    model = WavCube(WavCubeConfig.from_dict({**values, "stage": stage, "teacher": stage == 2}))
    fill_by_formula(model)
    return model.eval()


def formula_results() -> dict[str, np.ndarray]:
    """Every result that is compared, by name."""
    model, waveform = formula_model(1), formula_waveform(12_345)
    latents = model.encode(waveform, 16_000)
    results: dict[str, Tensor] = {
        "features": model.features(waveform, 16_000).values[:, ::3],
        "latents": latents.values[:, ::3],
        "restored": model.restore(latents).values[:, ::3],
        "waveform": model.decode(latents)[:, ::7],
    }
    for stage in (1, 2):
        config = TrainConfig(task=f"stage{stage}", init_from="random")
        config.losses.gan = 0.0
        objective = Stage(config, formula_model(stage))
        objective.networks.eval()
        batch = Batch(waveform, torch.tensor([waveform.shape[1]] * 2), ["a", "b"])
        with torch.no_grad():
            _, logs = objective.loss(batch, objective.networks(**objective.inputs(batch)), None)
        results |= {f"stage {stage}/{name}": value for name, value in logs.items()}
    return {name: value.numpy() for name, value in results.items()}


def test_numbers_are_those_of_the_reference_s_last_agreement() -> None:
    found = formula_results()
    with np.load(GOLDEN / "formula.npz") as expected:
        assert set(expected.files) == set(found)
        for name in expected.files:
            error = np.linalg.norm(found[name] - expected[name]) / np.linalg.norm(expected[name])
            assert error < LIMIT, f"{name}: {error:.2g}"


@pytest.mark.parametrize("part", ["encoder", "compressor", "restorer", "decoder"])
def test_every_part_counts(part: str) -> None:
    """A change of the weights of any part by one per cent shows in the results."""
    model, waveform = formula_model(1), formula_waveform(8_000)
    before = model.restore(model.encode(waveform, 16_000)).values, model.reconstruct(waveform, 16_000)
    with torch.no_grad():
        for parameter in getattr(model, part).parameters():
            parameter.mul_(1.01)
    after = model.restore(model.encode(waveform, 16_000)).values, model.reconstruct(waveform, 16_000)
    assert max(float((a - b).norm() / b.norm()) for a, b in zip(after, before, strict=True)) > LIMIT
