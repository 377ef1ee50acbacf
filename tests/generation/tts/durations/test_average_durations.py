import torch

from wavcube.generation.tts.durations.average_durations import LEAST_S, AverageDurations


def test_a_token_lasts_by_itself_and_its_neighbours() -> None:
    durations = AverageDurations(3)
    durations.effects[2, 1:] = torch.tensor([0.1, 0.2, 0.3])
    durations.effects[3, 3] = 0.05  # before a 3
    torch.testing.assert_close(durations.draw(torch.tensor([1, 3, 2])), torch.tensor([0.15, 0.3, 0.2]))
    assert torch.equal(durations.draw(torch.tensor([1, 3, 2]), seed=5), durations.draw(torch.tensor([1, 3, 2])))


def test_no_token_is_shorter_than_a_frame() -> None:
    durations = AverageDurations(3)
    durations.effects.fill_(-1.0)
    assert durations.draw(torch.tensor([1, 2])).tolist() == [torch.tensor(LEAST_S).item()] * 2
