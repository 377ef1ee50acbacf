from pathlib import Path

import pytest

from tests.understanding import corpora
from tests.understanding.conftest import Solve
from wavcube.errors import DataError
from wavcube.understanding.tasks.ic import IntentClassification

SMALL = {"steps": 80, "batch": 16, "learning_rate": 1e-2, "width": 32}


def test_labels_are_learned_and_shuffled_ones_are_not(tmp_path: Path, prove: Solve) -> None:
    data = corpora.fluent(tmp_path / "data")
    result = prove(IntentClassification(), data, **SMALL)
    assert result.metrics["accuracy"].value >= 90.0
    control = prove(IntentClassification(), data, shuffle=True, **SMALL)
    assert control.metrics["accuracy"].value <= 50.0  # eight intents: chance is 12.5 %


def test_all_three_slots_must_be_right(tmp_path: Path) -> None:
    task = IntentClassification()
    [corpus] = task.read(corpora.fluent(tmp_path), task.recipe)
    assert corpus.labels == [["activate", "deactivate"], ["lights", "music"], ["kitchen", "none"]]
    said = {example.clip.name: example.target for example in corpus.test}
    wrong = dict(said)
    first = corpus.test[0]
    wrong[first.clip.name] = (*first.target[:2], "elsewhere")
    assert task.measure(task.outcomes(corpus, "test", said)) == {"accuracy": 100.0}
    expected = 100.0 * (1 - 1 / len(corpus.test))
    assert task.measure(task.outcomes(corpus, "test", wrong))["accuracy"] == pytest.approx(expected)


def test_missing_recordings_and_columns(tmp_path: Path) -> None:
    corpora.fluent(tmp_path)
    task = IntentClassification()
    (tmp_path / "wavs" / "speakers" / "train0" / "000-0.wav").unlink()
    with pytest.raises(DataError, match=r"1 recordings of Fluent Speech Commands are missing.*000-0\.wav"):
        task.load(tmp_path, task.recipe)
    (tmp_path / "data" / "train_data.csv").write_text("path,action\n")
    with pytest.raises(DataError, match="no column speakerId, object, location"):
        task.read(tmp_path, task.recipe)
