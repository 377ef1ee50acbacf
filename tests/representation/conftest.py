import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Initial weights and noise are the same in every run, in whatever order tests run."""
    torch.manual_seed(0)
