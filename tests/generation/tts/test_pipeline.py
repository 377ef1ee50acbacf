from pathlib import Path

import numpy as np
import pytest
import torch

from tests.generation.small import speech_flow
from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.errors import AudioError, CheckpointError
from wavcube.generation.flow.feature_codec import FeatureCodec, load_feature_codec
from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.tts.loudness import at_level, speech_level
from wavcube.generation.tts.model import SynthesisRequest
from wavcube.generation.tts.pipeline import TextToSpeech
from wavcube.generation.tts.text.frontend import TextError

PROMPT, PROMPT_TEXT = SPEECH / "p287_002.flac", "ask her to bring these things with her from the store"
FAST = SolverSettings(2, guidance=1.0)


def test_speech_lasts_as_long_as_the_prompt_s_speaking_rate_says(speaker: TextToSpeech) -> None:
    voice = speaker.voice(PROMPT, PROMPT_TEXT)
    text = "bring these things"
    frames = round(len(voice.frames) / len(PROMPT_TEXT) * len(text))
    speech = speaker.speak(text, voice, solver=FAST)
    assert len(speech.waveform) == 320 * frames
    assert np.abs(speech.waveform).max() <= 1.0
    fast = speaker.speak(text, voice, speed=1.5, solver=FAST)
    assert fast.seconds == pytest.approx(speech.seconds / 1.5, abs=0.02)
    assert speaker.speak(text, voice, seconds=2.0, solver=FAST).seconds == pytest.approx(2.0)


def test_a_list_of_texts_sounds_as_each_alone(speaker: TextToSpeech) -> None:
    voices = [
        speaker.voice(PROMPT, PROMPT_TEXT),
        speaker.voice(SPEECH / "LJ001-0013.opus", "than in the same operations"),
    ]
    texts = ["a short one.", "and one that is a little longer, is it not?"]
    together = speaker.speak(texts, voices, seed=[3, 4], solver=FAST)
    for text, voice, seed, spoken in zip(texts, voices, (3, 4), together, strict=True):
        alone = speaker.speak(text, voice, seed=seed, solver=FAST)
        np.testing.assert_allclose(spoken.waveform, alone.waveform, atol=2e-3)
        assert spoken.text == text


def test_the_seed_decides(speaker: TextToSpeech) -> None:
    voice = speaker.voice(PROMPT, PROMPT_TEXT)
    first, same, other = (speaker.speak("hello", voice, seed=seed, solver=FAST).waveform for seed in (0, 0, 1))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_long_texts_are_spoken_in_pieces_without_clicks(speaker: TextToSpeech) -> None:
    voice = speaker.voice(PROMPT, PROMPT_TEXT)
    sentence = "this is a sentence of some length that goes on for a while. "
    calls = []
    speech = speaker.speak(sentence * 12, voice, solver=FAST, progress=lambda *done: calls.append(done))
    pieces = calls[-1][1]
    assert pieces > 1
    assert calls[-1] == (pieces, pieces)
    expected = len(voice.frames) / 50 / len(PROMPT_TEXT) * len((sentence * 12).strip())
    assert speech.seconds == pytest.approx(expected + 0.25 * (pieces - 1), rel=0.02)
    silent = np.flatnonzero(np.abs(speech.waveform) < 1e-7)
    assert len(silent) >= 4000 * (pieces - 1)  # the pauses


def test_streaming_gives_sentences_with_pauses(speaker: TextToSpeech) -> None:
    voice = speaker.voice(PROMPT, PROMPT_TEXT)
    parts = list(speaker.stream("first of all. and then this, too. end.", voice, solver=FAST))
    assert len(parts) == 3
    assert not parts[0][-4000:].any()
    assert parts[-1][0] == 0
    with pytest.raises(TextError):
        next(speaker.stream("good. \u4f60.", voice, strict=True, solver=FAST))


def test_quiet_prompts_give_quiet_speech(speaker: TextToSpeech) -> None:
    waveform = load_audio(PROMPT)
    waveform *= 0.1 / np.sqrt(np.square(waveform).mean())  # as loud as prompts are brought to
    normal, quiet = (
        speaker.speak("hello there", (gain * waveform).astype(np.float32), PROMPT_TEXT, sample_rate=16_000, solver=FAST)
        for gain in (0.3, 0.03)
    )
    assert speech_level(normal.waveform, 16_000) == pytest.approx(speech_level(0.3 * waveform, 16_000), rel=0.02)
    np.testing.assert_allclose(quiet.waveform, normal.waveform / 10, atol=0.02)


class Reader:
    name = fingerprint = "reader"

    def transcribe(self, waveform: np.ndarray, language: str) -> str:
        return "bring things"


def test_prompts_without_text_are_read_or_asked_for(speaker: TextToSpeech) -> None:
    with pytest.raises(TextError, match="--prompt-text"):
        speaker.voice(PROMPT)
    speaker.asr = Reader()
    assert speaker.voice(PROMPT).text == "bring things"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": " "}, "the text is empty, or nothing of it is spoken"),
        ({"text": "x" * 60, "seconds": 1.0}, r"does not fit 1 s: at the speaking rate of the prompt it takes"),
        ({"text": "b \u4f60", "strict": True}, "cannot be spoken: '\u4f60' at character 3"),
        ({"text": "\u4f60"}, "nothing of the text can be spoken: '\u4f60' at character 1"),
        ({"text": "hello", "pause": 90.0}, "the pause is 90 s"),
        ({"text": ["a", "b"], "seed": [1]}, "1 seeds for 2 texts"),
        ({"text": "hello", "speed": 0.0}, "speed is 0"),
        ({"text": "hello", "prompt_text": ""}, "prompt's text is empty"),
    ],
)
def test_texts_that_cannot_be_spoken_are_refused(
    speaker: TextToSpeech, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(TextError, match=message):
        speaker.speak(**{"prompt": PROMPT, "prompt_text": PROMPT_TEXT, **arguments})  # type: ignore[arg-type]


def test_new_speech_is_decoded_behind_the_end_of_the_prompt(speaker: TextToSpeech) -> None:
    voice = speaker.voice(PROMPT, PROMPT_TEXT)
    text = speaker.model.token_ids(f"{PROMPT_TEXT} hello")
    frames = speaker.model.generate([SynthesisRequest(voice.frames, text, 50, 0)], FAST)[0]
    decoded = speaker.representation.decode(torch.cat([voice.frames[-25:], frames]))
    speech = speaker.speak("hello", voice, seconds=1.0, solver=FAST)
    np.testing.assert_allclose(speech.waveform, at_level(decoded[25 * 320 :], voice.level, 16_000), atol=1e-5)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-4), (torch.bfloat16, 0.05)])
def test_a_prepared_model_makes_the_same_frames(speaker: TextToSpeech, dtype: torch.dtype, error: float) -> None:
    voice = speaker.voice(PROMPT, PROMPT_TEXT)
    expected = SynthesisRequest(voice.frames, speaker.model.token_ids(f"{PROMPT_TEXT} hello"), 50, 0)
    plain, before = speaker.model.generate([expected], FAST)[0], speaker.fingerprint
    prepared = speaker.optimize(dtype).model.generate([expected], FAST)[0]
    assert (prepared - plain).norm() / plain.norm() < error
    assert (speaker.fingerprint == before) == (dtype == torch.float32)


def test_prompts_that_cannot_be_used_are_refused(speaker: TextToSpeech) -> None:
    with pytest.raises(AudioError, match="silent"):
        speaker.voice(np.zeros(32_000, np.float32), "text", 16_000)


def test_a_model_finds_its_representation_again(wavcube_folder: Path, latents: FeatureCodec, tmp_path: Path) -> None:
    model = speech_flow(latents.describe(f"wavcube:{wavcube_folder}"))
    model.save_pretrained(tmp_path)
    speaker = TextToSpeech.from_pretrained(tmp_path)
    expected = TextToSpeech(model, latents)
    voice = speaker.voice(PROMPT, PROMPT_TEXT)
    assert np.array_equal(
        speaker.speak("hello", voice, solver=FAST).waveform, expected.speak("hello", voice, solver=FAST).waveform
    )
    with pytest.raises(CheckpointError, match="name the one it was trained on"):
        TextToSpeech.from_pretrained(tmp_path, representation="logmel")
    with pytest.raises(CheckpointError, match="was trained on"):
        TextToSpeech(model, load_feature_codec("logmel"))


def test_with_predicted_durations_a_prompt_needs_no_text(latents: FeatureCodec) -> None:
    speaker = TextToSpeech(speech_flow(latents.describe("wavcube"), text_alignment="duration"), latents)
    voice = speaker.voice(PROMPT)
    speech = speaker.speak("bring these things", voice, solver=FAST)
    tokens = len("bring these things") + 2  # with the silence at both ends; each lasts 80 ms in this model
    assert speech.seconds == pytest.approx(0.08 * tokens, abs=0.02)
    assert speaker.speak("bring these things", voice, speed=2.0, solver=FAST).seconds == pytest.approx(0.8, abs=0.02)
    # Its text sets the speaking rate: this prompt is slower than 80 ms a token, or faster.
    told = speaker.voice(PROMPT, PROMPT_TEXT)
    duration_scale = len(voice.frames) / 50 / (0.08 * (len(PROMPT_TEXT) + 2))
    assert told.rate == pytest.approx(np.log(duration_scale), abs=0.02)
    assert speaker.speak("hello", told, solver=FAST).seconds == pytest.approx(0.08 * 7 * duration_scale, abs=0.02)
    assert speaker.voice(PROMPT, "a").rate == pytest.approx(np.log(1.5), abs=1e-3)  # a text that cannot be the prompt's


def test_a_stream_begins_with_few_steps_where_the_model_has_them(speaker: TextToSpeech) -> None:
    text = "first of all. and then this, too."
    distilled = TextToSpeech(speaker.model.with_few_steps(4), speaker.representation)
    voice = distilled.voice(PROMPT, PROMPT_TEXT)
    found = list(distilled.stream(text, voice))
    few = list(distilled.stream(text, voice, solver=SolverSettings(few_steps=True)))
    many = list(distilled.stream(text, voice, solver=SolverSettings()))
    np.testing.assert_array_equal(found[0], few[0])
    np.testing.assert_array_equal(found[1], many[1])
    assert not np.array_equal(few[0], many[0])
    plain = list(speaker.stream(text, speaker.voice(PROMPT, PROMPT_TEXT)))
    np.testing.assert_array_equal(
        plain[0], next(speaker.stream(text, speaker.voice(PROMPT, PROMPT_TEXT), solver=SolverSettings()))
    )
