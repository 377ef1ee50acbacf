import dataclasses
from pathlib import Path

import numpy as np
import pytest

from wavcube.data.clip import Clip
from wavcube.errors import DataError
from wavcube.understanding.corpora.corpus import Corpus, Example
from wavcube.understanding.probes.characters import character_probe
from wavcube.understanding.probes.probe import ProbeSettings
from wavcube.understanding.probes.speakers import speaker_probe

QUICK = ProbeSettings(character_steps=300, character_batch=8, speaker_steps=100, seeds=(0, 1))
ALPHABET = "abc "


def example(key: str, target: str) -> Example:
    return Example(Clip(key, Path(f"{key}.wav")), target)


def spoken(random: np.random.Generator, carried: bool) -> tuple[str, np.ndarray]:
    """A text, and frames [T, 8] that carry its characters (three frames each, then a pause), or noise."""
    text = "".join(random.choice(list(ALPHABET), size=6))
    frames = random.normal(size=(24, 8)) * 0.1
    for i, character in enumerate(text):
        if carried:
            frames[4 * i : 4 * i + 3, ALPHABET.index(character)] += 1.0
    return text, (5.0 + frames * 100.0).astype(np.float16)  # far from standardised


def texts(carried: bool) -> tuple[dict[str, np.ndarray], Corpus]:
    random, frames, splits = np.random.default_rng(0), {}, {}
    for split, count in (("train", 60), ("dev", 10), ("test", 20)):
        splits[split] = []
        for i in range(count):
            text, frames[f"{split}{i}"] = spoken(random, carried)
            splits[split].append(example(f"{split}{i}", text))
    return frames, Corpus.of(splits)


def voices(carried: bool) -> tuple[dict[str, np.ndarray], Corpus]:
    """Four speakers whose frames differ by their mean, or not at all."""
    random, frames, splits = np.random.default_rng(0), {}, {"train": [], "dev": [], "test": []}
    for speaker in range(4):
        for i in range(15):
            split = "train" if i < 5 else "dev" if i < 7 else "test"
            key = f"{speaker}-{i}"
            frames[key] = random.normal(size=(random.integers(20, 40), 6)).astype(np.float16)
            if carried:
                frames[key][:, speaker] += 1.0
            splits[split].append(example(key, f"s{speaker}"))
    return frames, Corpus.of(splits)


def test_characters_are_found_where_they_are():
    result = character_probe(*texts(carried=True), QUICK)
    assert result.estimate.value < 0.2
    assert result.estimate.low <= result.estimate.value <= result.estimate.high
    assert len(result.by_seed) == len(result.learning_rate) == 2
    assert result.recordings == {"train": 60, "dev": 10, "test": 20}


def test_noise_tells_no_characters():
    assert character_probe(*texts(carried=False), QUICK).estimate.value > 0.6


def test_speakers_are_found_where_they_are():
    assert speaker_probe(*voices(carried=True), QUICK).estimate.value > 0.9


def test_noise_tells_no_speakers():
    result = speaker_probe(*voices(carried=False), QUICK)
    assert result.estimate.value < 0.6
    assert result.estimate.low < result.estimate.high


def test_the_scale_of_frames_does_not_matter():
    frames, corpus = voices(carried=True)
    shifted = {key: (100.0 * values.astype(np.float32) - 7.0) for key, values in frames.items()}
    assert speaker_probe(shifted, corpus, QUICK).by_seed == speaker_probe(frames, corpus, QUICK).by_seed


def test_the_rate_is_chosen_on_dev_not_on_test():
    frames, corpus = texts(carried=True)
    fewer = dataclasses.replace(corpus, test=corpus.test[:3])
    settings = dataclasses.replace(QUICK, seeds=(0,))
    assert character_probe(frames, corpus, settings).learning_rate == character_probe(
        frames, fewer, settings
    ).learning_rate  # fmt: skip


@pytest.mark.parametrize("probe", [character_probe, speaker_probe])
def test_empty_splits_are_named(probe):
    frames, corpus = voices(carried=True)
    with pytest.raises(DataError, match="dev"):
        probe(frames, dataclasses.replace(corpus, dev=[]), QUICK)


def test_unknown_characters_and_speakers_are_named():
    frames, corpus = texts(carried=True)
    with pytest.raises(DataError, match="z"):
        character_probe(frames, dataclasses.replace(corpus, test=[example("test0", "z")]), QUICK)
    frames, corpus = voices(carried=True)
    with pytest.raises(DataError, match="stranger"):
        speaker_probe(frames, dataclasses.replace(corpus, test=[example("0-9", "stranger")]), QUICK)
