"""Every fault that a user found has a test here that failed before it was mended."""

import numpy as np
import pytest

from tests.cli.conftest import corpus, model, other_model, wavcube  # noqa: F401
from tests.locations import SPEECH
from wavcube import WavCube, load_audio


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """Half a minute of speech [S] at 16 kHz."""
    return np.concatenate([load_audio(path) for path in sorted(SPEECH.glob("*.opus"))])[: 30 * 16_000]


@pytest.fixture
def packaged() -> WavCube:
    return WavCube.from_pretrained()
