"""Estimates, comparisons and breakdowns of a table."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.evaluation.conftest import StubASR
from wavcube.errors import DataError
from wavcube.evaluation.metrics.f0 import F0
from wavcube.evaluation.metrics.wer import WordErrorRate
from wavcube.evaluation.summary import Summary, summarise

METRICS = [F0(), WordErrorRate(StubASR())]


@pytest.fixture
def table() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    rows = []
    for i in range(40):
        for system, shift in (("ours", 0.0), ("theirs", -0.1)):
            rows.append(
                {
                    "utterance": str(i),
                    "system": system,
                    "seconds": [2.0, 4.0, 8.0, 20.0][i % 4],
                    "sex": "FM"[i % 2],
                    "room": f"room {i % 12}",
                    "log_f0_rmse": float("nan") if i == 0 else 10.0 + i % 3,
                    "log_f0_median": float("nan") if i == 0 else 5.0,
                    "voicing_f1": 0.9 + shift + 0.01 * generator.normal(),
                    "wer": 10.0,
                    "cer": 5.0,
                    "word_errors": 1.0,
                    "words": 10.0 + i,
                    "character_errors": 1.0,
                    "characters": 20.0,
                    "undefined": json.dumps(dict.fromkeys(("log_f0_rmse", "log_f0_median"), "no voice"))
                    if i == 0
                    else "",
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture
def summary(table: pd.DataFrame) -> Summary:
    return summarise(table, METRICS)


def test_estimates(summary: Summary) -> None:
    assert summary.systems == ["ours", "theirs"]
    assert [q.name for q in summary.quantities] == [q.name for m in METRICS for q in m.quantities]
    assert summary.estimates["ours"]["voicing_f1"].value == pytest.approx(0.9, abs=0.01)
    f0 = summary.estimates["ours"]["log_f0_rmse"]
    assert (f0.count, f0.undefined) == (39, 1)
    # 40 errors in 10 + 11 + ... + 49 words, against 10 % in each utterance.
    assert summary.estimates["ours"]["wer_corpus"].value == pytest.approx(100 * 40 / 1180)
    assert summary.estimates["ours"]["wer"].value == pytest.approx(10.0)


def test_others_are_compared_with_the_first(summary: Summary) -> None:
    found = {c.quantity: c for c in summary.comparisons}
    assert {c.system for c in summary.comparisons} == {"theirs"}
    assert found["voicing_f1"].difference == pytest.approx(-0.1, abs=0.01)
    assert found["voicing_f1"].p_holm < 0.001
    assert found["voicing_f1"].p_holm >= found["voicing_f1"].p_value
    assert found["wer"].p_value == 1.0
    assert found["wer_corpus"].test == "paired bootstrap"


def test_breakdowns(table: pd.DataFrame, summary: Summary) -> None:
    assert list(summary.breakdowns) == ["duration", "sex"]
    assert list(summary.breakdowns["duration"]) == ["under 4 s", "4 to 8 s", "8 to 15 s", "15 s and more"]
    women = summary.breakdowns["sex"]["F"]["ours"]["voicing_f1"]
    rows = table[(table["system"] == "ours") & (table["sex"] == "F")]
    assert women.value == pytest.approx(rows["voicing_f1"].mean())
    assert women.count == 20
    more = summarise(table, METRICS, breakdown_by=["room"])
    assert list(more.breakdowns) == ["duration", "sex", "room"]
    assert len(more.breakdowns["room"]) == 12


def test_numbers_are_ordered_as_numbers(table: pd.DataFrame) -> None:
    table["take"] = table["utterance"].astype(int) % 11
    assert list(summarise(table, METRICS, breakdown_by=["take"]).breakdowns["take"]) == [str(i) for i in range(11)]


def test_columns_that_are_not_there(table: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="no column 'age' in the data; there are sex, room"):
        summarise(table, METRICS, breakdown_by=["age"])
    with pytest.raises(DataError, match="no column 'speaker'"):
        summarise(table, METRICS, cluster="speaker")
    copies = [table.assign(id=table["utterance"] + f" take {k}") for k in range(3)]
    bigger = pd.concat(copies, ignore_index=True)
    with pytest.raises(DataError, match="column 'id' has 120 different values; a breakdown takes 100"):
        summarise(bigger, METRICS, breakdown_by=["id"])


def test_reasons_are_counted(summary: Summary) -> None:
    assert summary.undefined["ours"] == {key: {"no voice": 1} for key in ("log_f0_rmse", "log_f0_median")}


def test_quantities_that_nobody_has_are_left_out(table: pd.DataFrame) -> None:
    table["log_f0_rmse"] = float("nan")
    names = [q.name for q in summarise(table, METRICS).quantities]
    assert "log_f0_rmse" not in names
    assert "voicing_f1" in names


def test_clusters_widen_intervals(table: pd.DataFrame) -> None:
    table["voicing_f1"] += 0.2 * (table["room"] == "room 3")
    alone = summarise(table, METRICS).estimates["ours"]["voicing_f1"]
    together = summarise(table, METRICS, cluster="room").estimates["ours"]["voicing_f1"]
    assert together.value == pytest.approx(alone.value)
    assert together.high - together.low > 1.2 * (alone.high - alone.low)
