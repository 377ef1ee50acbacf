from pathlib import Path

import pytest

from tests.understanding import corpora
from tests.understanding.conftest import Solve
from wavcube.errors import DataError
from wavcube.understanding.tasks.ks import KeywordSpotting

SMALL = {"steps": 60, "batch": 12, "learning_rate": 1e-2, "width": 32}


def test_labels_are_learned_and_shuffled_ones_are_not(tmp_path: Path, prove: Solve) -> None:
    data = corpora.speech_commands(tmp_path / "data")
    result = prove(KeywordSpotting(), data, **SMALL)
    assert result.metrics["accuracy"].value >= 90.0
    assert result.items == {"train": 5 * 4 + 10, "dev": 2 * 4 + 2, "test": 20}
    control = prove(KeywordSpotting(), data, shuffle=True, **SMALL)
    assert control.metrics["accuracy"].value <= 60.0  # five classes: chance is 20 %


def test_official_layout(tmp_path: Path) -> None:
    task = KeywordSpotting()
    [corpus] = task.read(corpora.speech_commands(tmp_path), task.recipe)
    assert corpus.labels == ["_silence_", "_unknown_", "no", "up", "yes"]
    assert not any("00000000_nohash" in example.clip.name for example in corpus.train)  # named in testing_list.txt
    assert {e.target for e in corpus.train if e.clip.name.startswith("bird/")} == {"_unknown_"}
    silence = [e.clip for e in corpus.train + corpus.dev if e.target == "_silence_"]
    assert sorted(clip.start for clip in silence) == [float(second) for second in range(12)]


def test_missing_parts_are_named_with_their_source(tmp_path: Path) -> None:
    task = KeywordSpotting()
    with pytest.raises(DataError, match=r"speech_commands_v0\.01: not found.*download\.tensorflow\.org.*CC BY"):
        task.read(tmp_path, task.recipe)
    corpora.speech_commands(tmp_path)
    (tmp_path / "speech_commands_v0.01" / "validation_list.txt").unlink()
    with pytest.raises(DataError, match=r"validation_list\.txt: not found"):
        task.read(tmp_path, task.recipe)


def test_manifest(tmp_path: Path) -> None:
    for i in range(8):
        corpora.write(tmp_path / f"{i}.wav", corpora.sound([i % 2] * 4, 0, i))
    rows = [
        f"{i}.wav\t{('train', 'train', 'train', 'train', 'dev', 'dev', 'test', 'test')[i]}\tw{i % 2}" for i in range(8)
    ]
    manifest = tmp_path / "words.tsv"
    manifest.write_text("path\tsplit\tword\n" + "\n".join(rows) + "\n")
    task = KeywordSpotting()
    [corpus] = task.read(manifest, task.recipe)
    task.check(corpus, manifest)
    assert corpus.labels == ["w0", "w1"]
    assert [len(examples) for examples in corpus.splits.values()] == [4, 2, 2]
    for broken, match in (
        ("path\tsplit\n0.wav\ttrain\n", "no column word"),
        ("path\tsplit\tword\n0.wav\tvalid\tw\n", "split is 'valid'"),
        ("path\tsplit\tword\n9.wav\ttrain\tw\n", r"do not exist: 9\.wav"),
        ("path\tsplit\tword\n0.wav\ttrain\t\n", r"line 2: 0\.wav has no word"),
    ):
        manifest.write_text(broken)
        with pytest.raises(DataError, match=match):
            task.load(manifest, task.recipe)
