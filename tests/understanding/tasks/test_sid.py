from pathlib import Path

import pytest

from tests.understanding import corpora
from tests.understanding.conftest import Solve
from wavcube.errors import DataError
from wavcube.understanding.tasks.sid import SpeakerIdentification

SMALL = {"steps": 60, "batch": 8, "accumulate": 1, "learning_rate": 1e-2, "width": 32, "crop_seconds": 0.5}


def test_labels_are_learned_and_shuffled_ones_are_not(tmp_path: Path, prove: Solve) -> None:
    data = corpora.voxceleb(tmp_path / "data")
    result = prove(SpeakerIdentification(), data, **SMALL)
    assert result.metrics["accuracy"].value >= 90.0
    assert result.items == {"train": 30, "dev": 12, "test": 12}
    control = prove(SpeakerIdentification(), data, shuffle=True, **SMALL)
    assert control.metrics["accuracy"].value <= 60.0  # six speakers: chance is 17 %


def test_lists_that_do_not_fit(tmp_path: Path) -> None:
    task = SpeakerIdentification()
    with pytest.raises(DataError, match=r"veri_test_class\.txt: not found.*robots\.ox\.ac\.uk"):
        task.read(tmp_path, task.recipe)
    corpora.voxceleb(tmp_path, speakers=2, each=6)
    table = tmp_path / "veri_test_class.txt"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, "1 id10000/video0/99999.wav"]))
    with pytest.raises(DataError, match=r"1 recordings of VoxCeleb1 are missing: .*99999\.wav"):
        task.load(tmp_path, task.recipe)
    table.write_text("\n".join([*lines, "4 id10000/video0/00000.wav"]))
    with pytest.raises(DataError, match="line 13"):
        task.read(tmp_path, task.recipe)


@pytest.mark.parametrize(
    ("keep", "match"),
    [
        (lambda split, i: split != "2", "the dev split is empty"),
        (lambda split, i: not (split == "1" and i in (1, 2)), "only one training example of id10000"),
        (lambda split, i: not (split == "1" and i < 7), "dev has classes that train has not: id10000"),
    ],
)
def test_splits_that_cannot_be_learned_from(tmp_path: Path, keep, match: str) -> None:
    corpora.voxceleb(tmp_path, speakers=3, each=7)
    table = tmp_path / "veri_test_class.txt"
    lines = table.read_text().splitlines()
    table.write_text("\n".join(line for i, line in enumerate(lines) if keep(line[0], i)))
    task = SpeakerIdentification()
    [corpus] = task.read(tmp_path, task.recipe)
    with pytest.raises(DataError, match=match):
        task.check(corpus, tmp_path)
