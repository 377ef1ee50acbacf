import torch

from wavcube.generation.tts.durations.duration_predictor import LEAST_S, SymbolTiming


def test_lengths_are_learnt_with_their_neighbours() -> None:
    """Symbol 2 lasts 0.3 s before a 3 and 0.1 s elsewhere; the others 0.05 s."""
    generator = torch.Generator().manual_seed(0)
    timing = SymbolTiming(4)

    def lengths(numbers: torch.Tensor) -> torch.Tensor:
        following = torch.cat([numbers[1:], torch.zeros(1, dtype=torch.long)])
        return torch.where(numbers == 2, 0.1, 0.05) + 0.1 * (following == 3)

    texts = [torch.randint(1, 5, (30,), generator=generator) for _ in range(200)]
    timing.fit((numbers, lengths(numbers)) for numbers in texts)
    numbers = torch.tensor([1, 2, 3, 4, 2, 4, 1, 3])
    torch.testing.assert_close(timing(numbers), lengths(numbers), atol=0.01, rtol=0)


def test_no_symbol_is_shorter_than_a_frame() -> None:
    timing = SymbolTiming(3)
    timing.effects.fill_(-1.0)
    assert timing(torch.tensor([1, 2])).tolist() == [torch.tensor(LEAST_S).item()] * 2
