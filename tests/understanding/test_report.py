import json
import time
from pathlib import Path

import pytest

from wavcube.errors import DataError
from wavcube.understanding.report import gather, latex, markdown, write_report
from wavcube.understanding.results import Estimate, Result


def result(task: str, name: str, metrics: dict[str, float], **changes) -> Result:
    values = {
        "task": task,
        "representation": name,
        "model": name,
        "fingerprint": name,
        "dim": 8,
        "layers": 1,
        "frame_rate": 50.0,
        "metrics": {key: Estimate(value, value - 1, value + 2) for key, value in metrics.items()},
        "dev": {},
        "learning_rates": {},
        "recipe": {"steps": 10, "specaugment": "off"},
        "seed": 0,
        "data": "corpus",
        "official": True,
        "items": {"train": 3, "dev": 2, "test": 1},
        "seconds": {"train": 36.0, "dev": 36.0, "test": 36.0},
    }
    return Result(**{**values, **changes})


def test_table(tmp_path: Path) -> None:
    result("ks", "A_1", {"accuracy": 90.0}).save(tmp_path / "1")
    result("ks", "B", {"accuracy": 80.0}).save(tmp_path / "2")
    result("asr", "A_1", {"wer": 20.0, "cer": 8.0}, official=False).save(tmp_path / "3")
    table = gather(tmp_path)
    assert [table.heading(i) for i in range(3)] == ["ASR WER % ↓", "ASR CER % ↓", "KS Acc % ↑"]
    text = markdown(table)
    assert "| A_1 | 20.00 (19.00 to 22.00) | 8.00 (7.00 to 10.00) | **90.00** (89.00 to 92.00) |" in text
    assert "| B | - | - | 80.00 (79.00 to 82.00) |" in text
    assert "ASR (Speech recognition): corpus, own data, not comparable with published figures" in text
    assert r"A\_1 & 20.00 & 8.00 & \textbf{90.00} \\" in latex(table)
    assert r"KS Acc \% $\uparrow$" in latex(table)
    paths = write_report(table, tmp_path)
    assert [path.suffix for path in paths] == [".md", ".tex", ".json", ".png"]
    assert len(json.loads((tmp_path / "superb.json").read_text())) == 3
    assert (tmp_path / "superb.png").read_bytes()[:4] == b"\x89PNG"


def test_what_differs_is_said(tmp_path: Path) -> None:
    result("asr", "A", {"wer": 20.0}, recipe={"specaugment": "published"}).save(tmp_path / "1")
    result("asr", "A", {"wer": 15.0}, recipe={"specaugment": "scaled"}).save(tmp_path / "2")
    result("ks", "A", {"accuracy": 15.0}, seed=1).save(tmp_path / "3")
    result("ks", "A", {"accuracy": 16.0}, seed=0).save(tmp_path / "4")
    result("sid", "A", {"accuracy": 15.0}, fingerprint="latents-0123456789abcdef").save(tmp_path / "5")
    result("sid", "A", {"accuracy": 16.0}, fingerprint="latents-0123456776543210").save(tmp_path / "6")
    table = gather(tmp_path)
    assert set(table.rows) == {
        "A (specaugment published)",
        "A (specaugment scaled)",
        "A (seed 1)",
        "A (seed 0)",
        "A (A, weights 89abcdef)",
        "A (A, weights 76543210)",
    }
    assert "SpecAugment published and scaled" in markdown(table)


def test_figures_of_different_data_are_not_compared(tmp_path: Path) -> None:
    result("ks", "A", {"accuracy": 15.0}, recipe={"steps": 10}).save(tmp_path / "1")
    result("ks", "A", {"accuracy": 96.0}, recipe={"steps": 99}, data="other").save(tmp_path / "2")
    table = gather(tmp_path)
    assert [table.heading(i) for i in range(2)] == ["KS (corpus) Acc % ↑", "KS (other) Acc % ↑"]
    assert "| A | 15.00 (14.00 to 17.00) | 96.00 (95.00 to 98.00) |" in markdown(table)


def test_the_newest_of_equal_results_counts(tmp_path: Path) -> None:
    result("ks", "A", {"accuracy": 1.0}).save(tmp_path / "b")
    time.sleep(0.02)
    result("ks", "A", {"accuracy": 2.0}).save(tmp_path / "a")
    [row] = gather(tmp_path).rows.values()
    assert row[0] is not None
    assert row[0].value == 2.0


def test_nothing_to_report_and_damage(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no results"):
        gather(tmp_path)
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(DataError, match=r"result\.json: is no result"):
        gather(tmp_path)
