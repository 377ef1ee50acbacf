from pathlib import Path

import jiwer
import pytest

from tests.understanding import corpora
from tests.understanding.conftest import Solve
from wavcube.understanding.tasks.asr import SpeechRecognition

SMALL = {
    "steps": 200,
    "batch": 10,
    "learning_rate": 5e-3,
    "width": 48,
    "depth": 1,
    "dropout": 0.0,
    "specaugment": "off",
}


def test_labels_are_learned_and_shuffled_ones_are_not(tmp_path: Path, prove: Solve) -> None:
    data = corpora.librispeech(tmp_path / "data")
    result = prove(SpeechRecognition(), data, **SMALL)
    assert result.metrics["wer"].value <= 35.0
    assert result.metrics["cer"].value <= result.metrics["wer"].value
    control = prove(SpeechRecognition(), data, shuffle=True, **SMALL)
    assert control.metrics["wer"].value >= 60.0


def test_figures_are_those_of_jiwer(tmp_path: Path) -> None:
    task = SpeechRecognition()
    [corpus] = task.read(corpora.librispeech(tmp_path, (4, 1, 3)), task.recipe)
    hypotheses = ["AX BIN", "", "CUE DOT AX AX"]
    said = {e.clip.name: h for e, h in zip(corpus.test, hypotheses, strict=True)}
    metrics = task.measure(task.outcomes(corpus, "test", said))
    references = [e.target for e in corpus.test]
    assert metrics["wer"] == pytest.approx(100.0 * jiwer.wer(references, hypotheses))
    assert metrics["cer"] == pytest.approx(100.0 * jiwer.cer(references, hypotheses))
