"""Order, laziness, threads and modes of work side by side."""

import threading
from collections.abc import Iterator

import pytest
import torch

from wavcube.codec.inference.parallel import parallel_map


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_and_items_as_needed(workers: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            yield number

    seen = 0
    for item, result in parallel_map(lambda number: number * number, items(), workers):
        assert (item, result) == (seen, seen**2)
        assert len(taken) <= seen + workers + 1
        seen += 1
    assert seen == 20


def test_workers_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=10)
    list(parallel_map(lambda _: meeting.wait(), range(4), 2))  # breaks the barrier if they come one by one


def test_threads_are_shared_out_and_given_back() -> None:
    torch.set_num_threads(4)
    try:
        assert [threads for _, threads in parallel_map(lambda _: torch.get_num_threads(), range(4), 2)] == [2] * 4
        assert torch.get_num_threads() == 4
        fresh: list[int] = []
        thread = threading.Thread(target=lambda: fresh.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert fresh == [4]
    finally:
        torch.set_num_threads(1)


def test_an_error_ends_the_work_and_gives_the_threads_back() -> None:
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError):
            list(parallel_map(lambda number: 1 // (number - 3), range(100), 2))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("inference", [False, True])
def test_modes_of_the_caller_hold(inference: bool) -> None:
    def modes(_: int) -> tuple[bool, bool, torch.dtype]:
        product = torch.ones(2, 2) @ torch.ones(2, 2)
        return torch.is_grad_enabled(), torch.is_inference_mode_enabled(), product.dtype

    with torch.inference_mode(inference), torch.autocast("cpu", torch.bfloat16):
        assert {result for _, result in parallel_map(modes, range(3), 2)} == {(False, inference, torch.bfloat16)}
