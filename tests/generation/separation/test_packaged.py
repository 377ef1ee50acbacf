"""The trained model that comes with the package."""

import numpy as np
import pytest

from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.evaluation.metric import Pair, Recording
from wavcube.evaluation.metrics.si_sdr import SISDR
from wavcube.generation.separation import SpeechSeparator
from wavcube.generation.separation.evaluation.systems import better_order


@pytest.fixture(scope="module")
def packaged() -> SpeechSeparator:
    return SpeechSeparator.from_pretrained()


@pytest.fixture(scope="module")
def talkers() -> np.ndarray:
    """A man and a woman [2, S], equally loud; their recordings go on for a second."""
    alone = [load_audio(SPEECH / name) for name in ("p287_002.flac", "LJ001-0013.opus")]
    size = min(len(talker) for talker in alone)
    return np.stack([0.05 * talker[:size] / talker[:size].std() for talker in alone])


def improvement(alone: np.ndarray, mixture: np.ndarray, made: np.ndarray) -> float:
    """SI-SDRi in dB."""
    before, after = (
        SISDR().measure(Pair(Recording(alone, 16_000), Recording(found, 16_000))).values["si_sdr"]
        for found in (mixture, made)
    )
    return after - before


def test_it_is_small_and_its_card_is_there(packaged: SpeechSeparator) -> None:
    assert (packaged.model.packaged / "model.safetensors").stat().st_size < 12e6
    assert "probe-grade" in (packaged.model.packaged / "MODEL_CARD.md").read_text()


def test_two_talkers_come_apart(packaged: SpeechSeparator, talkers: np.ndarray) -> None:
    mixture = talkers.sum(0)
    made = packaged.separate(mixture, 16_000)
    order = better_order(made, talkers)
    assert np.mean([improvement(talkers[k], mixture, made[order[k]]) for k in (0, 1)]) > 5


def test_the_voice_that_is_known_is_kept(packaged: SpeechSeparator, talkers: np.ndarray) -> None:
    mixture = talkers.sum(0)
    for k, other in ((0, 1), (1, 0)):
        made = packaged.extract(mixture, talkers[k][-32_000:], 16_000, voice_rate=16_000)
        assert improvement(talkers[k], mixture, made) > 5
        assert improvement(talkers[other], mixture, made) < 0


def test_a_talker_alone_comes_out_as_one(packaged: SpeechSeparator, talkers: np.ndarray) -> None:
    made = packaged.separate(talkers[0], 16_000)
    louder, quieter = sorted((float(np.square(one).mean()) for one in made), reverse=True)
    assert louder > 2 * quieter
