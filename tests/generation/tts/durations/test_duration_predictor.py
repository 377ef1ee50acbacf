import torch

from wavcube.generation.tts.durations.duration_predictor import LEAST_S, DurationPredictor


def test_lengths_are_learnt_with_their_neighbours() -> None:
    """Token 2 lasts 0.3 s before a 3 and 0.1 s elsewhere; the others 0.05 s."""
    generator = torch.Generator().manual_seed(0)
    duration_predictor = DurationPredictor(4)

    def lengths(token_ids: torch.Tensor) -> torch.Tensor:
        following = torch.cat([token_ids[1:], torch.zeros(1, dtype=torch.long)])
        return torch.where(token_ids == 2, 0.1, 0.05) + 0.1 * (following == 3)

    texts = [torch.randint(1, 5, (30,), generator=generator) for _ in range(200)]
    duration_predictor.fit((token_ids, lengths(token_ids)) for token_ids in texts)
    token_ids = torch.tensor([1, 2, 3, 4, 2, 4, 1, 3])
    torch.testing.assert_close(duration_predictor(token_ids), lengths(token_ids), atol=0.01, rtol=0)


def test_no_token_is_shorter_than_a_frame() -> None:
    duration_predictor = DurationPredictor(3)
    duration_predictor.effects.fill_(-1.0)
    assert duration_predictor(torch.tensor([1, 2])).tolist() == [torch.tensor(LEAST_S).item()] * 2
