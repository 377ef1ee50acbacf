from pathlib import Path

import pytest

from tests.understanding import corpora
from tests.understanding.conftest import Solve
from wavcube.errors import DataError
from wavcube.understanding.tasks.pr import PhonemeRecognition, read_lexicon

SMALL = {"steps": 150, "batch": 10, "accumulate": 1, "learning_rate": 1e-2, "width": 32}


def test_labels_are_learned_and_shuffled_ones_are_not(tmp_path: Path, prove: Solve) -> None:
    data = corpora.librispeech(tmp_path / "data")
    result = prove(PhonemeRecognition(), data, **SMALL)
    assert result.metrics["per"].value <= 15.0
    control = prove(PhonemeRecognition(), data, shuffle=True, **SMALL)
    assert control.metrics["per"].value >= 50.0


def test_words_become_phones(tmp_path: Path) -> None:
    task = PhonemeRecognition()
    [corpus] = task.read(corpora.librispeech(tmp_path, (4, 1, 1)), task.recipe)
    task.check(corpus, tmp_path)
    assert set(corpus.labels[1:]) <= {"P0", "P2", "P4", "P6"}
    assert corpus.labels[0] == "<blank>"
    words = (tmp_path / "test-clean/10/100/10-100.trans.txt").read_text().split()[1:]
    assert corpus.test[0].target == tuple(f"P{t}" for word in words for t in corpora.WORDS[word])


def test_words_outside_the_lexicon_are_named(tmp_path: Path) -> None:
    corpora.librispeech(tmp_path, (4, 1, 1))
    table = tmp_path / "dev-clean/10/100/10-100.trans.txt"
    table.write_text(table.read_text().strip() + " ZYX\n")
    task = PhonemeRecognition()
    with pytest.raises(DataError, match=r"1 words of .* are not in the lexicon: ZYX"):
        task.read(tmp_path, task.recipe)
    extra = tmp_path / "own.txt"
    extra.write_text("zyx P6\n")
    settings = {"lexicon": f"{tmp_path / 'librispeech-lexicon.txt'},{extra}"}
    [corpus] = task.read(tmp_path, task.recipe.changed(settings))
    assert corpus.dev[0].target[-1] == "P6"


def test_lexicons(tmp_path: Path) -> None:
    cmu = tmp_path / "cmudict.dict"
    cmu.write_text(";;; comment\na  AH0\na(2)  EY1\nread R EH1 D # past\n")
    assert read_lexicon([cmu]) == {"A": ("AH0",), "READ": ("R", "EH1", "D")}
    cmu.write_text("word\n")
    with pytest.raises(DataError, match="line 1: 'word' is not a word with its phones"):
        read_lexicon([cmu])
    with pytest.raises(DataError, match=r"openslr\.org/11"):
        read_lexicon([tmp_path / "absent"])


def test_missing_transcript_is_named(tmp_path: Path) -> None:
    corpora.librispeech(tmp_path, (4, 1, 1))
    (tmp_path / "train-clean-100/10/100/10-100.trans.txt").unlink()
    task = PhonemeRecognition()
    with pytest.raises(DataError, match=r"1 recordings have no transcript.*10-100-0000\.flac"):
        task.read(tmp_path, task.recipe)
