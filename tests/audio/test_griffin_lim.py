"""Griffin-Lim: the magnitude comes back without its phase, sooner with momentum, and the same each time."""

import torch
from torch import Tensor

from wavcube.audio.griffin_lim import griffin_lim

WINDOW = torch.hann_window(256)


def analyse(waveform: Tensor) -> Tensor:
    return torch.stft(waveform, 256, 64, window=WINDOW, return_complex=True)


def synthesise(spectrum: Tensor) -> Tensor:
    return torch.istft(spectrum, 256, 64, window=WINDOW)


def speechlike() -> Tensor:
    """A gliding tone with overtones [S]: its phase is not that of noise."""
    time = torch.arange(8000) / 8000
    return sum((torch.sin(2 * torch.pi * n * (120 * time + 40 * time**2)) / n for n in range(1, 6)), torch.zeros(8000))


def error(iterations: int, momentum: float = 0.99, seed: int = 0) -> float:
    magnitude = analyse(speechlike()).abs()
    made = griffin_lim(magnitude, analyse, synthesise, iterations=iterations, momentum=momentum, seed=seed)
    return float((analyse(made).abs() - magnitude).norm() / magnitude.norm())


def test_iterations_bring_the_magnitude_back() -> None:
    assert error(60) < 0.1 < 0.3 * error(0)


def test_momentum_comes_nearer_in_as_many_iterations() -> None:
    assert error(30) < 0.9 * error(30, momentum=0.0)


def test_the_seed_decides() -> None:
    assert error(5, seed=1) == error(5, seed=1) != error(5, seed=2)
