from pathlib import Path

import numpy as np
import pytest
import torch

from tests.understanding import corpora
from tests.understanding.conftest import Solve
from wavcube.errors import DataError
from wavcube.understanding.tasks.sd import Diarisation, activity, diarisation_errors, permutation_free_loss, segments

SMALL = {"steps": 80, "batch": 8, "accumulate": 1, "learning_rate": 1e-2, "width": 24, "crop_seconds": 3.0}


def test_labels_are_learned_and_shuffled_ones_are_not(tmp_path: Path, prove: Solve) -> None:
    data = corpora.libri2mix(tmp_path / "data")
    result = prove(Diarisation(), data, **SMALL)
    assert result.metrics["der"].value <= 20.0
    assert result.metrics["der_best"].value <= result.metrics["der"].value
    control = prove(Diarisation(), data, shuffle=True, **SMALL)
    assert control.metrics["der"].value >= result.metrics["der"].value + 15.0


A = [("a", 0.0, 4.0), ("b", 3.0, 6.0)]
GOLDEN = [
    # reference, hypothesis, (missed, false, confused, total) by pyannote.metrics 4.2.0, DiarizationErrorRate(collar=0)
    (A, [("1", 0.0, 4.0), ("2", 3.0, 6.0)], (0.0, 0.0, 0.0, 7.0)),
    (A, [("2", 0.0, 4.0), ("1", 3.0, 6.0)], (0.0, 0.0, 0.0, 7.0)),
    (A, [("1", 0.0, 6.0)], (1.0, 0.0, 2.0, 7.0)),
    (A, [("1", 0.5, 3.5), ("2", 3.5, 7.0)], (1.5, 1.0, 0.0, 7.0)),
    (A, [("1", 0.0, 3.0), ("2", 2.0, 4.0), ("1", 5.0, 6.5)], (2.0, 1.5, 1.0, 7.0)),
    (A, [], (7.0, 0.0, 0.0, 7.0)),
    (
        [("a", 0.0, 1.0), ("b", 1.0, 3.0), ("a", 2.5, 4.0), ("c", 3.5, 5.0)],
        [("x", 0.2, 2.0), ("y", 2.0, 4.5)],
        (1.7, 0.0, 1.8, 6.0),
    ),
]


@pytest.mark.parametrize(("reference", "hypothesis", "expected"), GOLDEN)
def test_errors_agree_with_pyannote(reference, hypothesis, expected) -> None:
    assert diarisation_errors(reference, hypothesis) == pytest.approx(expected)


def test_segments_are_filtered_shares() -> None:
    shares = np.zeros((100, 2))
    shares[10:40, 0] = 0.9
    shares[20:22, 0] = 0.1  # a gap that the median filter closes
    shares[60:62, 1] = 0.9  # a blip that it takes away
    assert segments(shares, 50.0, 1, 0.5) == [("0", 0.2, 0.4), ("0", 0.44, 0.8), ("1", 1.2, 1.24)]
    assert segments(shares, 50.0, 11, 0.5) == [("0", 0.2, 0.8)]


def test_loss_does_not_care_for_the_order_of_speakers() -> None:
    torch.manual_seed(0)
    output, targets = torch.randn(3, 20, 2), (torch.rand(3, 20, 2) > 0.5).float()
    lengths = torch.tensor([20, 10, 15])
    loss = permutation_free_loss(output, targets, lengths)
    flipped = torch.stack([targets[0], targets[1].flip(-1), targets[2]])
    torch.testing.assert_close(permutation_free_loss(output, flipped, lengths), loss)
    beyond = output.clone()
    beyond[1, 10:] = 100.0
    torch.testing.assert_close(permutation_free_loss(beyond, targets, lengths), loss)


def test_labels_follow_the_frame_rate() -> None:
    target = (("x", 0.1, 0.3), ("y", 0.2, 0.4))
    for rate in (50.0, 100.0):
        active = activity(target, round(0.5 * rate), rate)
        np.testing.assert_allclose(active.sum(0) / rate, [0.2, 0.2])
        assert active[round(0.25 * rate)].tolist() == [1.0, 1.0]


def test_segments_and_rttm_say_the_same(tmp_path: Path) -> None:
    data = corpora.libri2mix(tmp_path)
    task = Diarisation()
    [with_rttm] = task.read(data, task.recipe)
    (data / "test" / "rttm").unlink()
    [without] = task.read(data, task.recipe)
    for a, b in zip(with_rttm.test, without.test, strict=True):
        assert [s[0] for s in a.target] == [s[0] for s in b.target]
        np.testing.assert_allclose([s[1:] for s in a.target], [s[1:] for s in b.target], atol=2e-3)


def test_data_that_does_not_fit(tmp_path: Path) -> None:
    data = corpora.libri2mix(tmp_path)
    task = Diarisation()
    table = data / "train" / "segments"
    lines = table.read_text()
    table.write_text(lines + "utt99 mix0 0.0 1.0\n")
    with pytest.raises(DataError, match="utt99"):
        task.read(data, task.recipe)
    table.write_text(lines + "spk0-mix0-0 mix77 0.0 1.0\n")
    with pytest.raises(DataError, match="recording mix77"):
        task.read(data, task.recipe)
    table.write_text("\n".join(line for line in lines.splitlines() if " mix3 " not in line) + "\n")
    [corpus] = task.read(data, task.recipe)
    with pytest.raises(DataError, match="1 recordings of train have no segment: train/mix3"):
        task.check(corpus, data)
