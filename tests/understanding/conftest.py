"""Solving a task on a tiny corpus with log-mel, with its labels and with shuffled ones."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wavcube.features import build_feature_extractor
from wavcube.understanding import Options, Result, run_task
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus, Example
from wavcube.understanding.task import SearchTask, Task

Solve = Callable[..., Result]


def shuffled(task: Task) -> Task:
    """The same task, whose training (or, where there is none, whose truth) has its targets dealt out anew."""

    class Shuffled(type(task)):  # type: ignore[misc]
        def read(self, data: Path, recipe: ProbeConfig) -> list[Corpus]:
            splits = ("dev", "test") if isinstance(task, SearchTask) else ("train",)
            corpora = super().read(data, recipe)
            for corpus in corpora:
                for split in splits:
                    examples = corpus.splits[split]
                    order = np.random.default_rng(1).permutation(len(examples))
                    dealt = [
                        Example(e.clip, examples[i].target, e.speaker) for e, i in zip(examples, order, strict=True)
                    ]
                    setattr(corpus, split, dealt)
            return corpora

    return Shuffled()


@pytest.fixture
def prove(tmp_path: Path) -> Solve:
    """`prove(task, data, shuffle=False, **settings)` solves a task with log-mel."""

    def run(task: Task, data: Path, *, shuffle: bool = False, model: str = "logmel", **settings: object) -> Result:
        recipe = dataclasses.replace(task.recipe, evaluations=4, **settings)
        options = Options(tmp_path / ("shuffled" if shuffle else "results"), tmp_path / "cache")
        return run_task(
            shuffled(task) if shuffle else task, build_feature_extractor(model), model, data, recipe, options
        )

    return run
