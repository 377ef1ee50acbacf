# ruff: noqa: RUF001 (phonetic letters)
from pathlib import Path

import pytest
import torch

from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.errors import CheckpointError
from wavcube.generation.tts.durations.forced_aligner import STATES
from wavcube.generation.tts.durations.saved_aligner import ALIGNER, SavedAligner
from wavcube.generation.tts.model import PACKAGED, FlowMatchingTTS
from wavcube.generation.tts.text.vocabulary import Vocabulary

VOCABULARY = Vocabulary([" ", "a", "b"])


def aligner() -> SavedAligner:
    generator = torch.Generator().manual_seed(0)
    return SavedAligner(
        VOCABULARY,
        torch.randn(4 * STATES, 39, generator=generator),
        1 + torch.rand(4 * STATES, 39, generator=generator),
    )


def test_a_saved_aligner_finds_the_same_times(tmp_path: Path) -> None:
    made = aligner()
    made.save(tmp_path)
    waveform = torch.randn(16_000, generator=torch.Generator().manual_seed(1))
    ends = made.ends(waveform, [1, 2, 3, 1])
    assert ends is not None
    assert ends[-1] == pytest.approx(0.98)  # of 98 frames
    assert (ends.diff() >= 0).all()
    assert torch.equal(ends, SavedAligner.load(tmp_path, VOCABULARY).ends(waveform, [1, 2, 3, 1]))


def test_a_recording_too_short_for_its_text_has_no_times() -> None:
    assert aligner().ends(torch.randn(1_000), [1, *[2, 3] * 10, 1]) is None
    assert aligner().ends(torch.randn(100), [1, 2, 1]) is None


def test_an_aligner_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no aligner"):
        SavedAligner.load(tmp_path, VOCABULARY)
    aligner().save(tmp_path)
    with pytest.raises(CheckpointError, match="another vocabulary"):
        SavedAligner.load(tmp_path, Vocabulary([" ", "b", "a"]))
    (tmp_path / ALIGNER).write_bytes((tmp_path / ALIGNER).read_bytes()[:500])
    with pytest.raises(CheckpointError, match="damaged"):
        SavedAligner.load(tmp_path, VOCABULARY)


def test_the_packaged_one_finds_phonemes_where_they_are_spoken() -> None:
    """Sibilants are where the power lies above 4 kHz, vowels where it lies below; times moved by 0.15 s are not."""
    pytest.importorskip("gruut")
    model = FlowMatchingTTS.from_pretrained(PACKAGED)
    text = "Ask her to bring these things with her from the store."
    waveform = torch.from_numpy(load_audio(SPEECH / "p287_002.flac"))
    token_ids = model.token_ids(text)
    ends = SavedAligner.load(PACKAGED, model.vocabulary).ends(waveform, token_ids)
    assert ends is not None
    power = torch.stft(waveform, 512, 160, window=torch.hann_window(512), return_complex=True).abs().square()
    above = (power[128:].sum(0) / power.sum(0)).clamp_min(1e-6).log()

    def contrast(shift: float) -> float:
        starts = torch.cat([torch.zeros(1), ends[:-1]])
        levels: dict[bool, list[float]] = {True: [], False: []}
        for token_id, start, end in zip(token_ids, starts.tolist(), ends.tolist(), strict=True):
            token = model.vocabulary.tokens[token_id - 1]
            is_vowel = any(letter in "aeiouæɑɔəɚɛɪʊʌ" for letter in token)
            if token in ("s", "z") or is_vowel:
                middle = round(100 * ((start + end) / 2 + shift))
                levels[is_vowel].append(float(above[min(middle, len(above) - 1)]))
        return sum(levels[False]) / len(levels[False]) - sum(levels[True]) / len(levels[True])

    assert contrast(0.0) > 2.5
    assert contrast(0.0) > contrast(0.15) + 1
