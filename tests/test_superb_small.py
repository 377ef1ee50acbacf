"""The scripts of the small real-data comparison: splits that have nothing in common, and tables in a page."""

import dataclasses
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.locations import REPOSITORY
from wavcube.understanding import TASKS
from wavcube.understanding.results import Estimate, Result

SCRIPTS = REPOSITORY / "scripts"
TEN, SG = "<!-- begin superb_small_table.py -->", "<!-- begin superb_small_table.py, SUPERB-SG -->"
PAGE = f"top\n{TEN}\nold ten\n<!-- end -->\nmiddle\n{SG}\nold three\n<!-- end -->\nbottom\n"

Row = dict[str, str]


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPTS / "superb_small_sg_data.py"))


def write_table(results: Path, page: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    page.write_text(PAGE, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["superb_small_table.py", str(results), str(page)])
    runpy.run_path(str(SCRIPTS / "superb_small_table.py"), run_name="__main__")
    return page.read_text(encoding="utf-8")


def result(task: str, data: str, model: str, **metrics: float) -> Result:
    return Result(
        task, model, model, f"{model}-1", 128, 1, 50.0,
        {name: Estimate(value, value - 1, value + 1) for name, value in metrics.items()},
        {}, {}, dataclasses.asdict(TASKS[task].recipe), 0, data, False, {"train": 3, "dev": 2, "test": 1}, {},
    )  # fmt: skip


def test_a_table_without_results_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for model, stoi in (("wavcube", 0.7126), ("logmel", 0.7124)):
        found = result("se", "se.tsv", model, pesq=1.25, stoi=stoi, si_sdr_improvement=3.0)
        found.save(tmp_path / "results" / model)
    text = write_table(tmp_path / "results", tmp_path / "page.md", monkeypatch)
    assert f"top\n{TEN}\nold ten\n<!-- end -->\nmiddle\n{SG}\n| figure |" in text
    assert text.endswith("<!-- end -->\nbottom\n")
    assert "old three" not in text
    assert "speech enhancement, SI-SDRi, dB" in text
    assert "| **0.713** (-0.287 to 1.713) | - | 0.712 " in text


def test_each_task_is_in_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result("ks", "ks-wake.tsv", "wavcube", accuracy=98.46).save(tmp_path / "results" / "ks")
    result("vc", "vc.tsv", "wavcube", mcd=7.125).save(tmp_path / "results" / "vc")
    text = write_table(tmp_path / "results", tmp_path / "page.md", monkeypatch)
    ten, three = text.split("middle")
    assert "keyword spotting, Acc |" in ten
    assert "| 98.5 (97.5 to 99.5) |" in ten
    assert "voice conversion, MCD, dB |" in three
    assert "2 x 1024, 10,000" in three
    assert "WER" not in three  # it was not asked for


def test_speakers_of_mixtures_are_in_one_split(data: dict[str, Any]) -> None:
    learnt = [{"source": data["LEARNT"][0], "split": "train", "speaker": f"a{i}"} for i in range(250)]
    tested = [
        {"source": source, "split": "test", "speaker": f"b{i % 5}"} for source in data["TESTED"] for i in range(48)
    ]
    other = [{"source": "an4-train", "split": "train", "speaker": "c"}]
    splits = data["utterances"]([*learnt, *tested, *other])
    assert {split: len(rows) for split, rows in splits.items()} == data["COUNTS"]
    speakers = {split: {row["speaker"] for row in rows} for split, rows in splits.items()}
    assert not speakers["train"] & speakers["dev"]
    assert all(name[0] == "a" for name in speakers["train"] | speakers["dev"])
    assert all(name[0] == "b" for name in speakers["test"])
    for kinds in (data["NOISES"], data["ROOMS"]):
        names = [name for split in kinds.values() for name in split.split("|")]
        assert len(set(names)) == len(names)


def test_the_middle_of_a_long_utterance_is_taken(data: dict[str, Any]) -> None:
    long, short = (
        data["placed"]({"path": "a.flac", "speaker": "a", "seconds": seconds}, Path("data"), Path("out"))
        for seconds in ("10.00", "3.00")
    )
    assert (long["start"], long["end"], long["path"]) == ("3.00", "7.00", "../data/a.flac")
    assert (short["start"], short["end"]) == ("0.00", "3.00")


def test_conversion_is_of_sentences_that_were_not_trained_on(data: dict[str, Any]) -> None:
    labels = [
        {"path": f"{speaker}-{sentence}-{emotion}", "speaker": speaker, "sentence": sentence, "emotion": emotion}
        for speaker in (data["TARGET"], "emodb_03", "emodb_08")
        for sentence in ("a01", "a02", "b01", "b02", "b03")
        for emotion in ("anger", "boredom", "fear")
        if (speaker, emotion) != (data["TARGET"], "fear")
    ]
    words = [{"path": label["path"], "transcript": label["sentence"]} for label in labels]
    rows: list[Row] = data["conversions"](words, labels, Path("data"), Path("data"))
    test = [row for row in rows if row["split"] == "test"]
    assert len(test) == 8  # two speakers, two sentences, two emotions: the target speaker has no fear
    for row in test:
        assert row["reference"].split("-")[1:] == row["path"].split("-")[1:]
        assert row["reference"].startswith(data["TARGET"])
        assert not row["path"].startswith(data["TARGET"])
    learnt = [row for row in rows if row["split"] != "test"]
    assert {row["transcript"] for row in learnt} <= {"b01", "b02", "b03"}
    assert {row["speaker"] for row in learnt} == {data["TARGET"]}
    assert not any(row["reference"] for row in learnt)
