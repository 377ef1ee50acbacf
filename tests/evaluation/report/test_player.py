"""Players: what is heard is what is given, and every recording can be switched to."""

import base64
import io

import numpy as np
import soundfile

from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.evaluation.metrics import Recording
from wavcube.evaluation.report.pictures import loudest_magnitude
from wavcube.evaluation.report.player import Playable, playable, single_player, switched_player


def ready(rate: int = 16_000) -> tuple[np.ndarray, Playable]:
    waveform = load_audio(SPEECH / "p287_002.flac", rate)
    recording = Recording(waveform, rate)
    return waveform, playable(recording, loudest_magnitude(recording))


def test_the_sound_is_lossless_and_the_picture_ends_at_half_the_rate() -> None:
    waveform, made = ready(24_000)
    kind, _, content = made.sound.partition(",")
    heard, rate = soundfile.read(io.BytesIO(base64.b64decode(content)), dtype="float32")
    assert (kind, rate) == ("data:audio/flac;base64", 24_000)
    np.testing.assert_allclose(heard, waveform, atol=1 / 32_000)
    assert made.top_khz == 12
    assert made.seconds == len(waveform) / 24_000


def test_several_recordings_have_one_switch_and_the_first_is_on() -> None:
    _, made = ready()
    text = switched_player({"noisy": made, "clean": made, "a <third>": made}, save=True)
    assert text.count("<audio") == 3
    assert text.count("class='clip on'") == text.count("aria-pressed='true'") == 1
    assert [f"data-clip='{number}'" in text for number in range(4)] == [True, True, True, False]
    assert text.count("data-save=") == 3
    assert "a &lt;third&gt;" in text
    assert "<third>" not in text
    assert text.count("8 kHz</span>") == 3


def test_without_leave_nothing_is_saved() -> None:
    _, made = ready()
    assert "data-save" not in switched_player({"one": made, "other": made})
    assert "<audio controls" in single_player("prompt", made)
