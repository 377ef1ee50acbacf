import pytest
import torch

# Models this small are faster on one thread, and several workers do not fight over the cores.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Initial weights and noise are the same in every run, in whatever order tests run."""
    torch.manual_seed(0)
