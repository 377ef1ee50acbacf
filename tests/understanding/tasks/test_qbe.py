from pathlib import Path

import numpy as np
import pytest

from tests.understanding import corpora
from tests.understanding.conftest import Solve
from wavcube.errors import DataError
from wavcube.features import Clip
from wavcube.understanding.corpora.corpus import Collection, Example
from wavcube.understanding.tasks.qbe import (
    FALSE_WEIGHT,
    QueryByExample,
    alignment_costs,
    maximum_term_weighted_value,
    whole_gains,
)


def test_queries_are_found_and_dealt_out_truth_is_not(tmp_path: Path, prove: Solve) -> None:
    data = corpora.quesst(tmp_path / "data")
    result = prove(QueryByExample(), data)
    assert result.metrics["mtwv"].value >= 0.6
    assert result.details["layer"] == 0
    assert 0.0 < result.metrics["mtwv_whole"].value <= result.metrics["mtwv"].value
    control = prove(QueryByExample(), data, shuffle=True)
    assert control.metrics["mtwv"].value <= 0.3


def test_value_of_known_scores() -> None:
    scores = np.array([[0.9, 0.2, 0.1, 0.0], [0.8, 0.7, 0.1, 0.0]])
    true = np.array([[1, 0, 0, 0], [0, 1, 0, 0]], bool)
    # At 0.9 half of the queries are found without a false alarm; at 0.7 both, with one in three of one query.
    assert maximum_term_weighted_value(scores, true) == pytest.approx(0.5)
    assert 1.0 - FALSE_WEIGHT / 3 / 2 < 0.5
    assert maximum_term_weighted_value(np.array([[0.9, 0.2], [0.3, 0.8]]), np.eye(2, dtype=bool)) == pytest.approx(1.0)
    assert maximum_term_weighted_value(-scores, true) == 0.0
    assert pytest.approx(12.49) == FALSE_WEIGHT


def by_the_scorer(found: np.ndarray, names: list[str], truth: dict[str, set[str]], recordings: list[str]) -> float:
    """The value of a whole collection by its definition: unsearched pairs at -10, queries that are nowhere left out."""
    best = 0.0
    for threshold in np.unique(found):
        values = []
        for row, held in enumerate(truth.values()):
            scores = dict.fromkeys(recordings, -10.0)
            if row < len(found):
                scores.update(zip(names, found[row].tolist(), strict=True))
            above = {name for name, score in scores.items() if score >= threshold}
            missed, false = len(held - above) / len(held), len(above - held) / len(set(recordings) - held)
            values.append(1.0 - missed - FALSE_WEIGHT * false)
        best = max(best, float(np.mean(values)))
    return best


def test_the_value_of_a_whole_collection_of_which_a_part_is_searched() -> None:
    rng = np.random.default_rng(1)
    recordings = [f"r{i}" for i in range(40)]
    names = recordings[:15]
    truth = {f"q{i}": set(rng.choice(recordings, 4, replace=False).tolist()) for i in range(7)}
    asked = list(truth)[:3]
    found = rng.standard_normal((3, 15))
    for row, query in zip(found, asked, strict=True):
        row[[name in truth[query] for name in names]] += 3
    queries = [Example(Clip(query, Path(query)), tuple(truth[query])) for query in asked]
    gains = np.stack([whole_gains(query, names, 3, Collection(7, 40)) for query in queries])
    true = [[name in query.target for name in names] for query in queries]
    outcomes = np.stack([found, np.array(true, float), gains], 1)
    value = QueryByExample().measure(outcomes)["mtwv_whole"]
    assert value == pytest.approx(by_the_scorer(found, names, truth, recordings))
    assert 0.0 < value < 3 / 7


def slow_cost(distances: np.ndarray) -> float:
    """Subsequence alignment by its definition, one cell after the other."""
    n, m = distances.shape
    cost = np.full((n, m), np.inf)
    cost[0] = distances[0]
    for i in range(1, n):
        for j in range(m):
            before = [cost[i - 1, j - k] for k in (0, 1, 2) if j - k >= 0]
            cost[i, j] = distances[i, j] + min(before)
    return float(cost[-1].min()) / n


def test_alignment_is_that_of_the_definition_and_of_dtw_python() -> None:
    rng = np.random.default_rng(0)
    query = rng.standard_normal((7, 5))
    recordings = [rng.standard_normal((length, 5)) for length in (12, 1, 30, 2, 9)]
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    recordings = [r / np.linalg.norm(r, axis=1, keepdims=True) for r in recordings]
    starts = np.cumsum([0, *(len(r) for r in recordings[:-1])])
    costs = alignment_costs(query, np.concatenate(recordings), starts)
    for recording, found in zip(recordings, costs, strict=True):
        distances = np.exp(1.0 - query @ recording.T) - 1.0
        low, high = distances.min(1, keepdims=True), distances.max(1, keepdims=True)
        assert found == pytest.approx(slow_cost((distances - low) / np.maximum(high - low, 1e-9)), abs=1e-5)
    # By dtw-python 1.9.0: dtw(d, step_pattern="asymmetric", open_begin=True, open_end=True).normalizedDistance
    rng = np.random.default_rng(5)
    distances = rng.uniform(size=(6, 15)).round(3)
    assert slow_cost(distances) == pytest.approx(DTW_PYTHON, abs=1e-6)


DTW_PYTHON = 0.19466666666666665


def test_languages(tmp_path: Path) -> None:
    data = corpora.quesst(tmp_path)
    task = QueryByExample()
    [english] = task.read(data, task.recipe)
    [everything] = task.read(data, task.recipe.changed({"language": "all"}))
    assert len(english.searched) == 18
    assert len(everything.searched) == 20
    with pytest.raises(DataError, match=r"nothing in language 'german'; there are czech, nnenglish, and 'all'"):
        task.read(data, task.recipe.changed({"language": "german"}))


def test_truth_that_fits_nothing(tmp_path: Path) -> None:
    data = corpora.quesst(tmp_path)
    (data / "scoring/groundtruth_quesst14_dev/quesst14_dev.rttm").write_text("LEXEME other 1 0 1 query lex\n")
    task = QueryByExample()
    [corpus] = task.read(data, task.recipe)
    with pytest.raises(DataError, match="no query of dev is in any recording"):
        task.check(corpus, data)
