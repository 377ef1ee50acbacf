from pathlib import Path

import numpy as np
import pytest
import torch

from tests.understanding import corpora
from tests.understanding.conftest import Solve
from wavcube.errors import DataError
from wavcube.understanding.corpora.corpus import Example
from wavcube.understanding.heads import XVector
from wavcube.understanding.tasks.asv import SpeakerVerification, equal_error_rate, make_trials

SMALL = {"steps": 60, "batch": 10, "accumulate": 1, "learning_rate": 3e-3, "width": 24, "crop_seconds": 0.6}


def test_labels_are_learned_and_shuffled_ones_are_not(tmp_path: Path, prove: Solve) -> None:
    data = corpora.voxceleb(tmp_path / "data", speakers=10, each=6)
    result = prove(SpeakerVerification(), data, **SMALL)
    assert result.metrics["eer"].value <= 20.0
    control = prove(SpeakerVerification(), data, shuffle=True, **SMALL)
    assert control.metrics["eer"].value >= 25.0


def test_speakers_of_the_trials_are_never_trained_on(tmp_path: Path) -> None:
    task = SpeakerVerification()
    data = corpora.voxceleb(tmp_path)
    [corpus] = task.read(data, task.recipe)
    task.check(corpus, data)
    assert {e.speaker for e in corpus.test} == {f"id1{n:04d}" for n in (6, 7, 8)}
    assert len({e.speaker for e in corpus.dev}) >= 2
    assert not {e.speaker for e in corpus.train} & {e.speaker for e in [*corpus.dev, *corpus.test]}
    assert len(corpus.trials["test"]) == 66
    corpus.test[0] = Example(corpus.test[0].clip, "x", corpus.train[0].speaker)
    with pytest.raises(DataError, match="speakers of train are in test too, which this task forbids: id1"):
        task.check(corpus, data)


def test_bad_trials_are_named(tmp_path: Path) -> None:
    corpora.voxceleb(tmp_path)
    (tmp_path / "veri_test.txt").write_text("yes a b\n")
    task = SpeakerVerification()
    with pytest.raises(DataError, match="line 1: 'yes a b'"):
        task.read(tmp_path, task.recipe)


@pytest.mark.parametrize(
    ("same", "different", "expected"),
    [
        ([0.9, 0.8], [0.1, 0.2], 0.0),
        ([0.1, 0.2], [0.9, 0.8], 1.0),
        ([0.9, 0.8, 0.7, 0.2], [0.6, 0.3, 0.1, 0.0], 0.25),
    ],
)
def test_equal_error_rate(same: list[float], different: list[float], expected: float) -> None:
    scores = np.array(same + different)
    assert equal_error_rate(scores, np.arange(len(scores)) < len(same)) == pytest.approx(expected)


def test_equal_error_rate_of_two_normals_is_known() -> None:
    from scipy.stats import norm

    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(1.0, 1.0, 20_000), rng.normal(-1.0, 1.0, 20_000)])
    assert equal_error_rate(scores, np.arange(40_000) < 20_000) == pytest.approx(norm.cdf(-1.0), abs=0.004)


def test_made_trials_have_as_many_of_each_kind(tmp_path: Path) -> None:
    from wavcube.features import Clip

    examples = [Example(Clip(f"{s}-{i}", tmp_path), s, str(s)) for s in range(5) for i in range(6)]
    trials = make_trials(examples, 100)
    assert sum(same for _, _, same in trials) == 50
    assert len(trials) == 100
    assert all((a.split("-")[0] == b.split("-")[0]) == same for a, b, same in trials)
    assert trials == make_trials(examples, 100)


def test_embeddings_of_a_batch_are_those_of_single_recordings() -> None:
    torch.manual_seed(0)
    head = XVector(8, 16, 3).eval()
    values, lengths = torch.randn(2, 40, 8), torch.tensor([40, 9])
    together = head(values, lengths)
    for row, length, expected in zip(values, lengths, together, strict=True):
        torch.testing.assert_close(head(row[None, :length], length[None])[0], expected, rtol=1e-4, atol=1e-5)
