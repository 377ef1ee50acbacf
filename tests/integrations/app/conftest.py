from pathlib import Path

import pytest

from tests.locations import SPEECH
from wavcube.evaluation.metric import Recording
from wavcube.integrations.app.models import Models
from wavcube.integrations.app.uploads import read_upload

VOICE = SPEECH / "p287_002.flac"


@pytest.fixture(scope="session")
def models() -> Models:
    """The packaged ones, each loaded once."""
    return Models()


@pytest.fixture
def voice() -> Recording:
    return read_upload(VOICE)


class Steps:
    """Progress that keeps what it was told."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self.names: list[str] = []

    def __call__(self, share: float, desc: str) -> None:
        self.shares.append(share)
        self.names.append(desc)


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "<b>notes.wav"
    path.write_text("This is no recording at all. " * 40)
    return path
