# ruff: noqa: RUF001 (phonetic letters)
"""The trained model that comes with the package."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.codec.pitch_channels import PitchChannels
from wavcube.features import build_feature_extractor
from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.tts.model import PACKAGED
from wavcube.generation.tts.pieces import Manner, plan_pieces
from wavcube.generation.tts.pipeline import TextToSpeech

pytest.importorskip("gruut")

PROMPT = SPEECH / "p287_002.flac"
SOLVER = SolverSettings(7)


@pytest.fixture(scope="module")
def packaged() -> TextToSpeech:
    return TextToSpeech.from_pretrained()


def test_it_is_small_and_its_card_is_there() -> None:
    assert (PACKAGED / "model.safetensors").stat().st_size < 24e6
    assert json.loads((PACKAGED / "config.json").read_text())["text_frontend"] == "gruut:en-us"
    assert "consent" in (PACKAGED / "MODEL_CARD.md").read_text()


def test_it_speaks_with_pauses_where_the_text_has_them(packaged: TextToSpeech) -> None:
    """Loud on vowels, quiet in the pause of a full stop, as long as read speech is."""
    voice = packaged.voice(PROMPT)
    text = "We had a good time. They were all there."
    assert 1.8 < packaged.speak(text, voice, solver=SOLVER).seconds < 4.5
    # Durations are drawn by the seed; a set length leaves the edges as they are.
    speech = packaged.speak(text, voice, seconds=3.0, seed=1, solver=SOLVER)
    ends = packaged.model.token_ends(packaged.model.token_ids(text), 150, seed=1).numpy() / 50
    tokens = packaged.model.text_frontend(text)
    level = [
        20 * np.log10(np.sqrt(np.square(speech.waveform[int(16_000 * a) : int(16_000 * b) + 1]).mean()) + 1e-6)
        for a, b in pairwise([0.0, *ends])
    ]
    vowels = [x for x, token in zip(level, tokens, strict=True) if any(c in "aeioɑɛɪʊuæəɔ" for c in token)]
    stop = level[tokens.index(".") + 1]
    assert np.median(vowels) > stop + 12


def test_the_text_decides_what_is_spoken_and_the_seed_does_not(packaged: TextToSpeech) -> None:
    """Frames of two seeds are nearer to each other than to those of another text of the same length, time warped away:
    durations are drawn by the seed."""
    voice = packaged.voice(PROMPT)

    def frames(text: str, seed: int) -> torch.Tensor:
        waveform = packaged.speak(text, voice, seconds=2.0, seed=seed, solver=SOLVER).waveform
        return packaged.model.normalise(packaged.representation.encode(waveform))

    text = "The boy was there when the sun rose."
    first, second, other = frames(text, 0), frames(text, 1), frames("Please call Stella, and ask her again.", 0)
    assert warped_distance(first, second) < 0.75 * warped_distance(first, other)


def warped_distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Mean squared distance of frames [T, C] along the best path of dynamic time warping."""
    costs = torch.cdist(one, other).square().numpy() / one.shape[1]
    total = np.full(costs.shape, np.inf)
    for i in range(len(one)):
        for j in range(len(other)):
            before = min(total[i - 1, j] if i else np.inf, total[i, j - 1] if j else np.inf,
                         total[i - 1, j - 1] if i and j else np.inf)  # fmt: skip
            total[i, j] = costs[i, j] + (before if i or j else 0.0)
    return float(total[-1, -1] / (len(one) + len(other)))


def test_few_steps_lead_near_to_where_sixteen_lead(packaged: TextToSpeech) -> None:
    voice = packaged.voice(PROMPT)
    text = "The boy was there when the sun rose."

    def frames(solver: SolverSettings, seed: int) -> torch.Tensor:
        piece = plan_pieces(packaged.model, 0, packaged.prepare(text), voice, Manner(seconds=2.0, seed=seed))[0]
        return packaged.model.normalise(packaged.model.generate([piece.request], solver)[0])

    sixteen, few, other = (
        frames(solver, seed)
        for solver, seed in ((SolverSettings(16), 0), (SolverSettings(few_steps=True), 0), (SolverSettings(16), 1))
    )
    assert (few - sixteen).square().mean() < 0.5 * (other - sixteen).square().mean()


def test_its_pitch_is_the_prompts(packaged: TextToSpeech) -> None:
    """Within a semitone, for a low and a high voice; the packaged model's latents have channels of pitch."""
    for prompt in (PROMPT, SPEECH / "LJ001-0013.opus"):
        voice = packaged.voice(prompt)
        speech = packaged.speak("The boy was there when the sun rose.", voice, solver=SOLVER)
        channels = PitchChannels(packaged.representation.extractor.model)  # type: ignore[attr-defined]
        medians = []
        for frames in (voice.frames, packaged.representation.encode(speech.waveform)):
            log_f0, voiced = channels.read(frames)
            medians.append(float(log_f0[voiced].median()))
        assert abs(medians[1] - medians[0]) < np.log(2) / 12


def test_the_voice_comes_from_the_prompt(packaged: TextToSpeech) -> None:
    """The long-term spectrum of new speech is nearer to its own prompt's than to another's."""
    prompts = [PROMPT, SPEECH / "LJ001-0013.opus"]
    voices = [packaged.voice(prompt) for prompt in prompts]
    spoken = packaged.speak(["A long time ago, there was a king."] * 2, voices, solver=SOLVER)

    log_mel = build_feature_extractor("logmel")

    def spectrum(waveform: np.ndarray) -> torch.Tensor:
        frames = log_mel(torch.from_numpy(waveform)[None])[0][0]
        return frames[frames.mean(1) > frames.mean()].mean(0)  # of its louder half

    true = [spectrum(load_audio(prompt)) for prompt in prompts]
    made = [spectrum(speech.waveform) for speech in spoken]
    own = sum((made[i] - true[i]).square().mean() for i in (0, 1))
    crossed = sum((made[i] - true[1 - i]).square().mean() for i in (0, 1))
    assert own < crossed
