import torch
from torch.nn.utils.rnn import pad_sequence

from wavcube.generation.tts.durations.duration_network import LEAST_S, MOST_S, DurationNetwork

PAUSES = [True, False, False, False, True]


def network(seed: int = 0) -> DurationNetwork:
    torch.manual_seed(seed)
    made = DurationNetwork(PAUSES)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
        made.usual.fill_(-2.3)
    return made.eval()


def test_a_batch_gives_what_single_texts_give() -> None:
    made = network()
    texts = [torch.tensor([1, 2, 3, 1, 4, 5]), torch.tensor([1, 3, 2]), torch.randint(1, 6, (19,))]
    rate, known = torch.tensor([0.1, 0.3, -0.2]), torch.tensor([True, False, True])
    batch = made(pad_sequence(texts, True), rate, known)
    for i, text in enumerate(texts):
        alone = made(text[None], rate[i : i + 1], known[i : i + 1])
        for values, single in zip(batch, alone, strict=True):
            torch.testing.assert_close(values[i, : len(text)], single[0], rtol=1e-4, atol=1e-5)


def test_a_rate_that_is_not_known_does_not_count() -> None:
    made, text = network(), torch.tensor([[1, 2, 3]])
    first, second = (made(text, torch.tensor([rate]), torch.tensor([False])) for rate in (0.0, 0.4))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first.mean, made(text, torch.tensor([0.4]), torch.tensor([True])).mean)


def test_the_seed_decides_and_durations_vary_around_the_usual_one() -> None:
    made, text = network(), torch.tensor([1, 2, 3, 4, 2, 1])
    assert torch.equal(made.draw(text, 0.1, seed=3), made.draw(text, 0.1, seed=3))
    drawn = torch.stack([made.draw(text, seed=seed) for seed in range(300)])
    mean, spread, _ = made(text[None], torch.zeros(1), torch.zeros(1, dtype=torch.bool))
    spoken = [1, 2, 3, 4]
    assert (drawn[:, spoken] >= LEAST_S).all()
    assert (drawn <= MOST_S).all()
    usual = made.draw(text)
    torch.testing.assert_close(usual[spoken], mean[0, spoken].exp())
    torch.testing.assert_close(drawn[:, spoken].median(0).values, usual[spoken], rtol=0.25, atol=0)
    for token in spoken:  # two thirds lie inside one spread
        inside = (drawn[:, token].log() - mean[0, token]).abs() < spread[0, token]
        assert 0.6 < inside.float().mean() < 0.77


def test_a_pause_is_there_as_often_as_its_chance_says() -> None:
    made, text = network(), torch.tensor([1, 2, 5, 3, 1])
    chance = made(text[None], torch.zeros(1), torch.zeros(1, dtype=torch.bool)).presence[0].sigmoid()
    drawn = torch.stack([made.draw(text, seed=seed) > 0 for seed in range(600)]).float().mean(0)
    assert drawn[[1, 3]].tolist() == [1.0, 1.0]
    torch.testing.assert_close(drawn[[0, 2, 4]], chance[[0, 2, 4]], atol=0.08, rtol=0)


def test_another_vocabulary_keeps_what_is_known() -> None:
    made = network()
    grown = DurationNetwork([True, False, False, False, False, True]).eval()  # a new token, the third
    grown.grow(made.state_dict(), torch.tensor([0, 1, 2, 6, 3, 4, 5]))
    torch.testing.assert_close(grown.draw(torch.tensor([1, 2, 4, 6])), made.draw(torch.tensor([1, 2, 3, 5])))
    assert grown.usual[3] == made.usual[1:].mean()
