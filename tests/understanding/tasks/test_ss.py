from pathlib import Path

import pytest

from tests.understanding import corpora
from tests.understanding.conftest import Solve
from wavcube.errors import DataError
from wavcube.understanding.tasks.ss import Separation

SMALL = {"steps": 60, "batch": 4, "learning_rate": 1e-2, "width": 24, "depth": 1, "dropout": 0.0}


def test_talkers_are_separated_and_shuffled_truth_is_not_learnt(tmp_path: Path, prove: Solve) -> None:
    data = corpora.libri2mix_min(tmp_path / "data")
    result = prove(Separation(), data, **SMALL)
    assert result.metrics["si_sdr_improvement"].value > 5.0
    control = prove(Separation(), data, shuffle=True, **SMALL)
    assert control.metrics["si_sdr_improvement"].value < result.metrics["si_sdr_improvement"].value - 3.0


def test_a_manifest_names_both_sources(tmp_path: Path) -> None:
    data = corpora.libri2mix_min(tmp_path / "data", (1, 1, 1)) / "wav16k/min"
    rows = ["path\tsplit\tsource1\tsource2"]
    for split, folder in (("train", "train-100"), ("dev", "dev"), ("test", "test")):
        rows.append(f"{folder}/mix_clean/0.wav\t{split}\t{folder}/s1/0.wav\t{folder}/s2/0.wav")
    manifest = data / "own.tsv"
    manifest.write_text("\n".join(rows) + "\n")
    task = Separation()
    [own], [official] = task.read(manifest, task.recipe), task.read(tmp_path / "data", task.recipe)
    assert [e.target for e in own.test] == [e.target for e in official.test]
    task.check(own, manifest)
    manifest.write_text("\n".join(rows).replace("test/s2/0", "test/s2/7") + "\n")
    [own] = task.read(manifest, task.recipe)
    with pytest.raises(DataError, match="1 recordings of sources do not exist"):
        task.check(own, manifest)


def test_a_mixture_without_its_source(tmp_path: Path) -> None:
    data = corpora.libri2mix_min(tmp_path, (2, 1, 1))
    (data / "wav16k/min/train-100/s2/1.wav").unlink()
    with pytest.raises(DataError, match="1 mixtures of train of Libri2Mix"):
        Separation().read(data, Separation.recipe)
