"""Query by example: which recordings hold a spoken query (QUESST 2014; maximum term-weighted value). No training."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wavcube.data.clip import Clip
from wavcube.errors import DataError
from wavcube.features.shards import CachedFrames
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Collection, Corpus, Example, some
from wavcube.understanding.corpora.official import QUESST14, wanted_folder, wanted_lines
from wavcube.understanding.task import Measure, SearchTask

PRIOR, COST_MISS, COST_FALSE = 0.0008, 100.0, 1.0
"""How likely a query is in a recording, and what errors cost (QUESST's score-TWV-Cnxe.sh, which SUPERB runs)."""

FALSE_WEIGHT = COST_FALSE / COST_MISS * (1.0 - PRIOR) / PRIOR
"""What a rate of false alarms weighs against one of misses: 12.49."""

SHORTEST_QUERY = 5
"""Frames; shorter queries match anything and score nothing."""

BLOCK_FRAMES = 100_000


class QueryByExample(SearchTask):
    """QUESST 2014. SUPERB searches the recordings and queries labelled nnenglish; `language=all` takes all of them."""

    name = "qbe"
    title = "Query by example"
    official = QUESST14
    measures = (
        Measure("mtwv", "MTWV", "", True, 4),
        Measure("mtwv_whole", "MTWV, whole collection", "", True, 4),
    )
    recipe = ProbeConfig(steps=1)

    def read(self, data: Path, recipe: ProbeConfig) -> list[Corpus]:
        scoring = wanted_folder(data / "scoring", QUESST14)
        recordings = scoring / "language_key_utterances.lst"
        searched = _listed(data, recordings, recipe.language)
        queries, collection = {}, {}
        for split, name in (("dev", "dev"), ("test", "eval")):
            truth = _truth(scoring / f"groundtruth_quesst14_{name}" / f"quesst14_{name}.rttm")
            listed = _listed(data, scoring / f"language_key_{name}.lst", recipe.language)
            queries[split] = [
                Example(query.clip, tuple(sorted(truth.get(query.clip.path.stem, ())))) for query in listed
            ]
            collection[split] = Collection(len(truth), len(wanted_lines(recordings, QUESST14)))
        return [Corpus([], queries["dev"], queries["test"], searched=searched, collection=collection)]

    def check(self, corpus: Corpus, source: Path) -> None:
        if not corpus.searched:
            raise DataError(f"{source}: no recordings to search in for this language")
        names = {example.clip.path.stem for example in corpus.searched}
        for split in ("dev", "test"):
            if not any(names & set(example.target) for example in corpus.splits[split]):
                raise DataError(f"{source}: no query of {split} is in any recording that is searched")

    def search(self, corpus: Corpus, frames: CachedFrames, progress: bool) -> tuple[np.ndarray, np.ndarray, dict]:
        best: tuple[float, int, np.ndarray] | None = None
        layers = []
        for layer in range(frames.layers):
            found = detect(frames, corpus, "dev", layer, progress)
            value = self.measure(found)["mtwv"]
            layers.append(round(value, 4))
            if best is None or value > best[0]:
                best = value, layer, found
        assert best is not None
        test = detect(frames, corpus, "test", best[1], progress)
        return best[2], test, {"layer": best[1], "dev MTWV of layers": layers}

    def measure(self, outcomes: np.ndarray) -> dict[str, float]:
        scores, true, gains = outcomes[:, 0], outcomes[:, 1] > 0.5, outcomes[:, 2]
        return {
            "mtwv": maximum_term_weighted_value(scores, true),
            "mtwv_whole": max(0.0, _greatest_sum(scores, gains / len(gains))),
        }


def maximum_term_weighted_value(scores: np.ndarray, true: np.ndarray) -> float:
    """The greatest over thresholds of 1 - mean over queries of (misses + 12.49 * false alarms), as rates.

    Args:
        scores: [queries, recordings].
        true: [queries, recordings], whether the query is there; queries that are nowhere do not count.
    """
    counted = true.any(1) & ~true.all(1)
    if not counted.any():
        return float("nan")
    scores, true = scores[counted], true[counted]
    hits, others = true.sum(1, keepdims=True), (~true).sum(1, keepdims=True)
    return max(0.0, _greatest_sum(scores, np.where(true, 1.0 / hits, -FALSE_WEIGHT / others) / len(scores)))


def _greatest_sum(scores: np.ndarray, gains: np.ndarray) -> float:
    """Over all thresholds of the scores, the greatest sum of the gains of what is above."""
    order = np.argsort(-scores, axis=None, kind="stable")
    ordered, total = scores.ravel()[order], np.cumsum(gains.ravel()[order])
    # A threshold takes all trials of one score, or none.
    ends = np.append(ordered[1:] != ordered[:-1], True)
    return float(total[ends].max())


def whole_gains(query: Example, names: Sequence[str], queries: int, collection: Collection) -> np.ndarray:
    """What each recording [N], once it is found, adds to the value that the evaluation's own scorer gives.

    SUPERB hands that scorer the searched part only, and the truth of the whole collection; every pair that was not
    searched then has the lowest score. So queries in other languages count as missed, and recordings in other languages
    as rightly passed over.

    Args:
        query: its target are all recordings that hold it, searched or not.
        names: the recordings that are searched.
        queries: how many are searched for.
        collection: the whole of it.
    """
    hits = len(query.target)
    if not hits:
        return np.zeros(len(names))
    true = np.isin(names, query.target)
    false_alarm = -FALSE_WEIGHT / max(1, collection.recordings - hits)
    return np.where(true, 1.0 / hits, false_alarm) * queries / collection.queries


def detect(frames: CachedFrames, corpus: Corpus, split: str, layer: int, progress: bool) -> np.ndarray:
    """[queries, 3, recordings]: scores, standardised for each query; whether it is there; `whole_gains`."""
    from wavcube.progress import track

    queries, searched = corpus.splits[split], corpus.searched
    blocks = list(_blocks(frames, searched, layer))
    spoken = [_frames(frames, query, layer) for query in queries]
    everything = [block for block, _ in blocks] + spoken
    count = sum(len(part) for part in everything)
    mean = sum(part.sum(0) for part in everything) / count
    std = np.sqrt(sum(np.square(part - mean).sum(0) for part in everything) / (count - 1)).clip(1e-9)
    blocks = [(_directions((block - mean) / std), starts) for block, starts in blocks]
    names = [example.clip.path.stem for example in searched]
    rows = []
    pairs = list(zip(queries, spoken, strict=True))
    for query, values in track(pairs, f"searching {len(names)} recordings", disable=not progress):
        scores = np.zeros(len(names))
        if len(values) >= SHORTEST_QUERY:
            directions = _directions((values - mean) / std)
            scores = np.concatenate([-alignment_costs(directions, block, starts) for block, starts in blocks])
            scores = (scores - scores.mean()) / max(float(scores.std()), 1e-9)
        gains = whole_gains(query, names, len(queries), corpus.collection[split])
        rows.append([scores, np.isin(names, query.target), gains])
    return np.array(rows, float)


def alignment_costs(query: np.ndarray, recordings: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Cost of the best place for a query in each recording: subsequence dynamic time warping.

    Distances are exp(1 - cosine) - 1, scaled to [0, 1] for each query frame over a recording; each step advances the
    query by one frame and the recording by none, one or two ("asymmetric" of the dtw packages, open at both ends); the
    cost is divided by the query's frames.

    Args:
        query: [N, C], of unit length.
        recordings: [M, C], several in a row.
        starts: first frame of each.
    """
    distances = np.expm1(1.0 - query @ recordings.T)
    lengths = np.diff(np.append(starts, len(recordings)))
    # Nothing may be carried over from the recording before: its last frames are out of reach.
    second = starts[lengths > 1] + 1
    cost = np.zeros(len(recordings), np.float32)
    for i, row in enumerate(distances):
        low = np.repeat(np.minimum.reduceat(row, starts), lengths)
        high = np.repeat(np.maximum.reduceat(row, starts), lengths)
        row = (row - low) / np.clip(high - low, 1e-9, None)
        if i:
            by_one = np.concatenate([[np.inf], cost[:-1]])
            by_two = np.concatenate([[np.inf, np.inf], cost[:-2]])[: len(cost)]
            by_one[starts] = np.inf
            by_two[starts] = np.inf
            by_two[second] = np.inf
            cost = np.minimum(np.minimum(cost, by_one), by_two)
        cost = cost + row
    return np.minimum.reduceat(cost, starts) / len(query)


def _directions(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=1, keepdims=True).clip(1e-9)).astype(np.float32)


def _frames(frames: CachedFrames, example: Example, layer: int) -> np.ndarray:
    values = frames[example.clip.name]
    return (values[layer] if values.ndim == 3 else values).astype(np.float32)


def _blocks(frames: CachedFrames, searched: Sequence[Example], layer: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Recordings in a row, `BLOCK_FRAMES` at a time, with the first frame of each."""
    blocks, parts = [], []
    for i, example in enumerate(searched):
        parts.append(_frames(frames, example, layer))
        if sum(len(part) for part in parts) > BLOCK_FRAMES or i == len(searched) - 1:
            starts = np.cumsum([0, *(len(part) for part in parts[:-1])])
            blocks.append((np.concatenate(parts), starts))
            parts = []
    return blocks


def _listed(data: Path, table: Path, language: str) -> list[Example]:
    """Recordings of lines `quesst14Database/FOLDER/NAME.wav LANGUAGE`."""
    listed = []
    for number, line in enumerate(wanted_lines(table, QUESST14), 1):
        fields = line.split()
        if len(fields) != 2:
            raise DataError(f"{table}, line {number}: {line!r} is not 'RECORDING LANGUAGE'")
        if language in ("all", fields[1]):
            name = fields[0].partition("/")[2]
            listed.append(Example(Clip(name, data / name), ()))
    if not listed:
        languages = sorted({line.split()[1] for line in wanted_lines(table, QUESST14)})
        raise DataError(f"{table}: nothing in language {language!r}; there are {some(languages, 9)}, and 'all'")
    return listed


def _truth(table: Path) -> dict[str, set[str]]:
    """Query -> recordings that hold it, from lines `LEXEME RECORDING 1 START LENGTH QUERY ...`."""
    truth: dict[str, set[str]] = defaultdict(set)
    for line in wanted_lines(table, QUESST14):
        fields = line.split()
        if len(fields) > 5 and fields[0] == "LEXEME":
            truth[fields[5]].add(fields[1])
    return truth
