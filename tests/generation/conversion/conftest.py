import pytest

from wavcube.codec import WavCube
from wavcube.generation.conversion import VoiceConverter


@pytest.fixture(scope="session")
def converter() -> VoiceConverter:
    """On the packaged model: its latent has channels for pitch."""
    return VoiceConverter(WavCube.from_pretrained())
