import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from wavcube.errors import ConfigError, DataError
from wavcube.features import build_feature_extractor
from wavcube.generation.tts.text.frontend import build_text_frontend
from wavcube.generation.tts.text.vocabulary import Vocabulary
from wavcube.generation.tts.training.batches import BatchStream, dynamic_batches
from wavcube.generation.tts.training.config import CorpusSettings, DataSettings
from wavcube.generation.tts.training.dataset import SpeechCorpus, read_corpora

LOWER = build_text_frontend("lowercase")

Open = Callable[..., SpeechCorpus]


@pytest.fixture
def open_corpus(manifest: Path, tmp_path: Path) -> Open:
    def make(without: str = "", **settings: float) -> SpeechCorpus:
        utterances = read_corpora([CorpusSettings(str(manifest))])
        texts = [LOWER(u.transcript or "") for u in utterances]
        vocabulary = Vocabulary.collect([s for s in text if s not in without] for text in texts)
        data = DataSettings(cache=str(tmp_path / "cache"), **settings)  # type: ignore[arg-type]
        return SpeechCorpus(utterances, build_feature_extractor("logmel"), LOWER, vocabulary, data)

    return make


def test_frames_and_texts_belong_together(open_corpus: Open) -> None:
    corpus = open_corpus()
    assert len(corpus) > 3
    batch = corpus.batch([2, 0])
    for row, index in enumerate([2, 0]):
        examples = corpus.examples[index]
        length = int(batch.lengths[row])
        assert length == examples.frames == corpus.lengths[index]
        np.testing.assert_allclose(batch.values[row, :length], corpus.frames(index), atol=1e-6)
        assert not batch.values[row, length:].any()
        assert batch.text[row][batch.text[row] > 0].tolist() == examples.token_ids
    assert corpus.seconds == pytest.approx(sum(s.utterance.seconds for s in corpus.examples), rel=0.02)


def test_statistics_are_those_of_the_frames(open_corpus: Open) -> None:
    corpus = open_corpus()
    frames = np.concatenate([corpus.frames(i) for i in range(len(corpus))]).astype(np.float64)
    mean, std = corpus.statistics()
    np.testing.assert_allclose(mean, frames.mean(0), atol=1e-3)
    np.testing.assert_allclose(std, frames.std(0), atol=1e-3)


def test_what_cannot_be_used_is_counted(open_corpus: Open) -> None:
    everything = open_corpus()
    corpus = open_corpus(without="q", max_seconds=4.0)
    assert all(examples.utterance.seconds <= 4.0 for examples in corpus.examples)
    assert len(corpus) + sum(corpus.left_out.values()) == len(everything)
    assert any("0.4 to 4 s" in reason for reason in corpus.left_out)
    assert "left out" in corpus.summary()
    with pytest.raises(DataError, match=r"none of \d+ utterances can be used: .*vocabulary"):
        open_corpus(without="abcdefghijklmnopqrstuvwxyz")


def test_corpora_can_be_filtered_and_limited(manifest: Path) -> None:
    everything = read_corpora([CorpusSettings(str(manifest))])
    chosen = read_corpora(
        [CorpusSettings(str(manifest), {"speaker": "ls118|ljspeech"}), CorpusSettings(str(manifest), limit=1)]
    )
    assert [u.columns["speaker"] for u in chosen] == ["ls118", "ljspeech", everything[0].columns["speaker"]]
    with pytest.raises(DataError, match="no column 'sex'"):
        read_corpora([CorpusSettings(str(manifest), {"sex": "F"})])


LENGTHS = torch.randint(20, 1500, (500,), generator=torch.Generator().manual_seed(0)).tolist()


def test_batches_hold_everything_once_within_their_bounds() -> None:
    batches = dynamic_batches(LENGTHS, 6000, 32, seed=1, epoch=0)
    assert sorted(i for batch in batches for i in batch) == list(range(500))
    for batch in batches:
        assert len(batch) <= 32
        assert len(batch) * max(LENGTHS[i] for i in batch) <= 6000
    padded = sum(len(batch) * max(LENGTHS[i] for i in batch) for batch in batches)
    assert padded < 1.12 * sum(LENGTHS)


def test_epochs_differ_and_seeds_repeat() -> None:
    first, same = (dynamic_batches(LENGTHS, 6000, 32, seed=1, epoch=0) for _ in range(2))
    other = dynamic_batches(LENGTHS, 6000, 32, seed=1, epoch=1)
    assert first == same
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in other}
    with pytest.raises(ConfigError, match=r"raise batches\.seconds"):
        dynamic_batches([10, 7000], 6000, 32, seed=1, epoch=0)


def test_ranks_share_an_epoch_and_positions_return(open_corpus: Open) -> None:
    corpus = open_corpus()
    longest = max(corpus.lengths)

    def stream(rank: int = 0, world_size: int = 1) -> BatchStream:
        return BatchStream(corpus, longest, 1, 7, rank, world_size)

    def take(stream: BatchStream, count: int) -> list[float]:
        return [round(float(batch.values.sum()), 2) for batch in itertools.islice(stream, count)]

    size = len(corpus)
    alone = take(stream(), 2 * size)
    assert sorted(alone[:size]) == sorted(alone[size:])
    first, second = take(stream(0, 2), size // 2), take(stream(1, 2), size // 2)
    assert [value for pair in zip(first, second, strict=True) for value in pair] == alone[: size // 2 * 2]
    begun = stream()
    take(begun, size + 2)
    again = stream()
    again.load_state_dict(begun.state_dict())
    assert take(again, 2) == alone[size + 2 : size + 4]
    with pytest.raises(DataError, match="batches for 100 processes"):
        stream(0, 100)
