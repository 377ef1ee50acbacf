from pathlib import Path

import pytest

from tests.understanding import corpora
from tests.understanding.conftest import Solve
from wavcube.errors import DataError
from wavcube.understanding.tasks.sf import SlotFilling, judge_slots, read_slots, slots

SMALL = {
    "steps": 150,
    "batch": 10,
    "learning_rate": 1e-2,
    "width": 32,
    "depth": 1,
    "dropout": 0.0,
    "specaugment": "off",
}


def test_labels_are_learned_and_shuffled_ones_are_not(tmp_path: Path, prove: Solve) -> None:
    data = corpora.snips(tmp_path / "data")
    result = prove(SlotFilling(), data, **SMALL)
    assert result.metrics["slot_f1"].value >= 90.0
    assert result.metrics["slot_cer"].value <= 20.0
    control = prove(SlotFilling(), data, shuffle=True, **SMALL)
    assert control.metrics["slot_f1"].value <= 75.0
    assert control.metrics["slot_cer"].value >= 40.0


def tokens(text: str) -> list[str]:
    """`B-x ab E-x` -> marks and characters."""
    found: list[str] = []
    for word in text.split(" "):
        found += [word] if word[:2] in {"B-", "E-"} else [*([" "] if found and len(found[-1]) == 1 else []), *word]
    return found


def test_marks(tmp_path: Path) -> None:
    table = tmp_path / "all.iob.snips.txt"
    table.write_text("Ivy-snips-train-0 BOS play the sea by ab now EOS\tO O B-song I-song O B-artist O PlayMusic\n")
    expected = [*"PLAY", "B-song", *"THE", " ", *"SEA", "E-song", *"BY", "B-artist", *"AB", "E-artist", *"NOW"]
    assert list(read_slots(table)["Ivy-snips-train-0"]) == expected
    assert slots(read_slots(table)["Ivy-snips-train-0"]) == [("song", "THE SEA"), ("artist", "AB")]
    table.write_text("Ivy-snips-train-0 BOS play it EOS\tO O PlayMusic\n")
    with pytest.raises(DataError, match="line 1"):
        read_slots(table)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("B-x AB E-x", "B-x AB E-x", (1.0, 0, 2)),
        ("AB", "AB", (1.0, 0, 0)),
        ("AB", "B-x AB E-x", (0.0, 0, 0)),
        ("B-x AB E-x", "AB", (0.0, 2, 2)),
        ("B-x AB E-x", "B-x AC E-x B-y D E-y", (2 / 3, 1, 2)),
        ("B-x AB E-x", "B-x ZZZ E-x B-x AB E-x", (1.0, 0, 2)),  # the nearest value counts
        ("B-x AB E-x B-y CD E-y", "B-x AB", (0.0, 4, 4)),  # a mark that is never closed is no slot
        ("B-x A B E-x", "B-x AB E-x", (1.0, 1, 3)),
    ],
)
def test_slot_figures(reference: str, hypothesis: str, expected: tuple[float, int, int]) -> None:
    assert judge_slots(tokens(reference), tokens(hypothesis)) == pytest.approx(expected)


def test_voices_and_slots_that_do_not_fit(tmp_path: Path) -> None:
    corpora.snips(tmp_path)
    task = SlotFilling()
    [corpus] = task.read(tmp_path, task.recipe)
    task.check(corpus, tmp_path)
    assert {e.speaker for e in corpus.train} == {"Ivy", "Joey"}
    table = tmp_path / "all.iob.snips.txt"
    table.write_text(table.read_text().replace("Amy-snips-valid-0", "Amy-snips-valid-99"))
    with pytest.raises(DataError, match=r"1 recordings are not in all\.iob\.snips\.txt: Amy-snips-valid-0\.wav"):
        task.read(tmp_path, task.recipe)
    text = table.read_text().replace("valid-99", "valid-0").splitlines()
    text = [line.replace("B-year", "B-place") if "Amy" in line else line for line in text]
    table.write_text("\n".join(text) + "\n")
    [corpus] = task.read(tmp_path, task.recipe)
    with pytest.raises(DataError, match="dev has slots that train has not: place"):
        task.check(corpus, tmp_path)
