"""`evaluate tts` counted silence at a prompt's ends as a lack of voicing: speech had 3.6 points too many."""

import numpy as np
import pytest

from wavcube.generation.tts.evaluation.prosody import voiced_share


def test_silence_at_the_ends_does_not_count() -> None:
    speech = np.array([True, True, False, True])
    assert voiced_share(speech) == voiced_share(np.pad(speech, (30, 50))) == pytest.approx(0.75)


def test_a_pause_counts() -> None:
    assert voiced_share(np.array([True, False, False, True])) == pytest.approx(0.5)
