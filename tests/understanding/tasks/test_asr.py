import math
from pathlib import Path

import jiwer
import numpy as np
import pytest

from tests.understanding import corpora
from tests.understanding.conftest import Solve
from wavcube.errors import DataError
from wavcube.understanding.language_model import LanguageModel, beam_search
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


ARPA = """\\data\\
ngram 1=5
ngram 2=3

\\1-grams:
-1.0\t<s>\t-0.3
-1.0\t</s>
-0.5\tAB\t-0.2
-2.0\tAC\t-0.1
-3.0\t<unk>

\\2-grams:
-0.1\t<s> AB
-0.4\tAB AC
-0.9\tAC AB

\\end\\
"""


def test_language_model_backs_off(tmp_path: Path) -> None:
    file = tmp_path / "model.arpa"
    file.write_text(ARPA)
    model = LanguageModel(file)
    assert model.order == 2
    ten = math.log(10)
    assert model.score(("<s>",), "AB") == pytest.approx(-0.1 * ten)
    assert model.score(("AB", "AC"), "AB") == pytest.approx(-0.9 * ten)
    assert model.score(("<s>",), "AC") == pytest.approx((-0.3 - 2.0) * ten)
    assert model.score(("AB",), "ZZ") == pytest.approx((-0.2 - 3.0) * ten)
    with pytest.raises(DataError, match=r"openslr\.org"):
        LanguageModel(tmp_path / "absent.arpa")
    file.write_text("hello")
    with pytest.raises(DataError, match="no n-gram model"):
        LanguageModel(file)


def test_the_model_decides_between_readings(tmp_path: Path) -> None:
    file = tmp_path / "model.arpa"
    file.write_text(ARPA)
    tokens = ["<blank>", " ", "A", "B", "C"]
    frames = np.full((4, 5), 0.02)
    frames[0, 2] = frames[1, 0] = frames[3, 0] = 0.92
    frames[2] = [0.02, 0.02, 0.02, 0.42, 0.52]  # the sound says AC a little louder
    scores = np.log(frames / frames.sum(1, keepdims=True))
    assert beam_search(scores, tokens, LanguageModel(file), weight=0.0, bonus=0.0) == "AC"
    assert beam_search(scores, tokens, LanguageModel(file), weight=0.5) == "AB"


def test_reading_with_a_model_is_part_of_the_task(tmp_path: Path, prove: Solve) -> None:
    data = corpora.librispeech(tmp_path / "data", (12, 3, 4))
    file = tmp_path / "model.arpa"
    words = "\n".join(f"-0.6\t{word}\t0" for word in corpora.WORDS)
    file.write_text(f"\\data\\\nngram 1=4\n\n\\1-grams:\n{words}\n\n\\end\\\n")
    settings = {**SMALL, "steps": 30}
    greedy = prove(SpeechRecognition(), data, **settings)
    with_model = prove(SpeechRecognition(), data, language_model=str(file), **settings)
    assert with_model.dev == greedy.dev
    assert with_model.metrics["wer"].value <= greedy.metrics["wer"].value
