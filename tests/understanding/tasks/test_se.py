import math
from pathlib import Path

import numpy as np
import pytest

from tests.understanding import corpora
from tests.understanding.conftest import Solve
from wavcube.errors import DataError
from wavcube.understanding.tasks.se import Enhancement

SMALL = {"steps": 60, "batch": 4, "learning_rate": 1e-2, "width": 24, "depth": 1, "dropout": 0.0}


def test_noise_is_learnt_to_be_taken_off_and_shuffled_truth_is_not(tmp_path: Path, prove: Solve) -> None:
    data = corpora.voicebank(tmp_path / "data")
    result = prove(Enhancement(), data, **SMALL)
    assert result.metrics["si_sdr_improvement"].value > 4.0
    assert 0 < result.metrics["stoi"].value <= 1
    control = prove(Enhancement(), data, shuffle=True, **SMALL)
    assert control.metrics["si_sdr_improvement"].value < result.metrics["si_sdr_improvement"].value - 3.0


def test_frames_may_be_repeated_for_a_shorter_hop(tmp_path: Path, prove: Solve) -> None:
    data = corpora.voicebank(tmp_path / "data", (4, 2, 2))
    few = {**SMALL, "steps": 2}
    result = prove(Enhancement(), data, upsample=2, crop_seconds=0.5, **few)
    assert result.recipe["upsample"] == 2
    assert math.isfinite(result.metrics["si_sdr_improvement"].value)


def test_the_original_folders_and_a_manifest_are_the_same_corpus(tmp_path: Path) -> None:
    task = Enhancement()
    for kind, names in (("trainset_28spk", ("p226_001", "p300_001", "p301_002")), ("testset", ("p232",))):
        for number, name in enumerate(names):
            for half in ("clean", "noisy"):
                corpora.write(tmp_path / f"{half}_{kind}_wav" / f"{name}.wav", corpora.sound([number, 2], 0))
    [corpus] = task.read(tmp_path, task.recipe)
    assert [len(corpus.splits[split]) for split in ("train", "dev", "test")] == [2, 1, 1]
    task.check(corpus, tmp_path)
    rows = ["path\tsplit\tclean"]
    for name, split in (("p300_001", "train"), ("p226_001", "dev")):
        rows.append(f"noisy_trainset_28spk_wav/{name}.wav\t{split}\tclean_trainset_28spk_wav/{name}.wav")
    rows.append("noisy_testset_wav/p232.wav\ttest\tclean_testset_wav/p232.wav")
    manifest = tmp_path / "own.tsv"
    manifest.write_text("\n".join(rows) + "\n")
    [own] = task.read(manifest, task.recipe)
    assert own.dev[0].target == corpus.dev[0].target


def test_data_that_does_not_fit(tmp_path: Path) -> None:
    task = Enhancement()
    with pytest.raises(DataError, match="VoiceBank-DEMAND is expected as"):
        task.read(tmp_path, task.recipe)
    data = corpora.voicebank(tmp_path / "data", (2, 1, 1))
    corpora.write(data / "wav16k/train/clean/wav/p1.wav", np.zeros(4000, np.float32))
    [corpus] = task.read(data, task.recipe)
    with pytest.raises(DataError, match=r"must be\s+equally long"):
        task.check(corpus, data)
    (data / "wav16k/train/clean/wav/p1.wav").unlink()
    with pytest.raises(DataError, match="1 recordings of VoiceBank-DEMAND are missing"):
        task.read(data, task.recipe)
