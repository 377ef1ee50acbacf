from pathlib import Path

import pytest

from tests.understanding import corpora
from tests.understanding.conftest import Solve
from wavcube.errors import DataError
from wavcube.understanding.tasks.er import EmotionRecognition

SMALL = {"steps": 30, "batch": 16, "accumulate": 1, "learning_rate": 1e-2, "width": 16}


def test_labels_are_learned_and_shuffled_ones_are_not(tmp_path: Path, prove: Solve) -> None:
    data = corpora.iemocap(tmp_path / "data")
    result = prove(EmotionRecognition(), data, **SMALL)
    assert result.metrics["accuracy"].value >= 85.0
    control = prove(EmotionRecognition(), data, shuffle=True, **SMALL)
    assert control.metrics["accuracy"].value <= 60.0  # four classes: chance is 25 to 40 %


def test_five_folds_by_session(tmp_path: Path) -> None:
    task = EmotionRecognition()
    folds = task.read(corpora.iemocap(tmp_path), task.recipe)
    assert [fold.name for fold in folds] == [f"fold {n}" for n in range(1, 6)]
    for number, fold in enumerate(folds, 1):
        task.check(fold, tmp_path)
        assert {example.speaker for example in fold.test} == {f"Ses{number:02d}F", f"Ses{number:02d}M"}
        assert len(fold.dev) == round(0.2 * (len(fold.dev) + len(fold.train)))
    assert folds[0].labels == ["angry", "happy", "neutral", "sad"]
    assert not any("fru" in str(example.target) for example in folds[0].examples)
    # Excitement counts as happiness.
    assert sum(example.target == "happy" for example in folds[0].test) == 12


def test_a_missing_session_is_named(tmp_path: Path) -> None:
    corpora.iemocap(tmp_path)
    (tmp_path / "Session3").rename(tmp_path / "Session9")
    task = EmotionRecognition()
    with pytest.raises(DataError, match=r"Session3: not found. IEMOCAP.*sail\.usc\.edu.*licence"):
        task.read(tmp_path, task.recipe)
