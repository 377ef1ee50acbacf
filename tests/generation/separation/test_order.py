from itertools import permutations

import torch

from wavcube.generation.regression.spans import spans
from wavcube.generation.separation.order import distances, joined


def test_the_better_order_is_that_of_brute_force() -> None:
    torch.manual_seed(0)
    made, truth = torch.randn(6, 9, 2, 4), torch.randn(6, 9, 2, 4)
    best = distances(made, truth).amin(1)
    for item in range(6):
        tried = [
            sum(float((made[item, :, k] - truth[item, :, o]).abs().mean()) for k, o in enumerate(order)) / 2
            for order in permutations(range(2))
        ]
        assert abs(float(best[item]) - min(tried)) < 1e-6


def test_talkers_keep_their_places_over_windows_that_exchange_them() -> None:
    torch.manual_seed(0)
    whole = torch.randn(100, 2, 4)
    windows = []
    for number, span in enumerate(spans(100, 10, 5)):
        values = whole[span.first : span.last] + 0.1 * torch.randn(span.last - span.first, 2, 4)
        windows.append((span, values.flip(1) if number % 3 == 1 else values))
    assert float((joined(windows, 100) - whole).abs().mean()) < 0.2
    assert float((joined(windows, 100, keep_order=True) - whole).abs().mean()) > 0.2
