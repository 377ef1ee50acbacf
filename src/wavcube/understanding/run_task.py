"""A task from data folder to result: read, check, extract, train at each learning rate, measure on test."""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wavcube.data.clip import seconds_of
from wavcube.data.stored_latents.clips import stored_place
from wavcube.data.stored_latents.index import INDEX, LatentIndex
from wavcube.evaluation.statistics import percentile_intervals
from wavcube.features import FeatureExtractor, FrameCache
from wavcube.hashing import short_digest
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus
from wavcube.understanding.corpora.manifest import is_manifest
from wavcube.understanding.corpora.stored import StoredRecordings
from wavcube.understanding.heads import parameter_count
from wavcube.understanding.results import RESULT, Estimate, Result
from wavcube.understanding.task import ProbeTask, SearchTask, Task
from wavcube.understanding.training.grid import run_of, search
from wavcube.understanding.training.trainer import Run, Trained, best_probe, evaluate

WEIGHTED_WARNING = (
    "a weighted sum keeps all {layers} layers: {times:.0f} times the space of a latent of 128; "
    "'transformers:NAME' takes the last layer only"
)


@dataclass(frozen=True)
class Options:
    """What is the same for all tasks of one call.

    Attributes:
        output: folder of results.
        cache: folder of frames.
        seed: of everything random.
        learning_rates: to search; empty for the recipe's own.
        jobs: processes at a time.
        device: that heads train on.
        progress: whether to show bars.
        stored: latents that take the place of the audio.
    """

    output: Path
    cache: Path
    seed: int = 0
    learning_rates: tuple[float, ...] = ()
    jobs: int = 1
    device: str = "cpu"
    progress: bool = False
    stored: StoredRecordings | None = None


def run_task(
    task: Task,
    extractor: FeatureExtractor,
    model: str,
    data: Path,
    recipe: ProbeConfig,
    options: Options,
    corpora: Sequence[Corpus] | None = None,
) -> Result:
    """Evaluate a representation on a task. Results of an identical earlier run are loaded.

    Args:
        task: which.
        extractor: the representation.
        model: the specification that it was built from.
        data: official folder or manifest.
        recipe: settings; the task's own, or changed ones.
        options: where and how.
        corpora: the data, where they are loaded already, once for several models (see `Task.load`).

    Raises:
        DataError: data that is missing or wrong, before anything is computed.
        AudioError: a recording that cannot be read.
        MissingDependencyError: a package that the task's figures come from is not installed.
    """
    task.require_packages()
    if corpora is None:
        corpora = task.load(data, recipe, options.progress, options.stored)
    folder = options.output / task.name / _folder_name(task, extractor, corpora, recipe, options)
    if (folder / RESULT).is_file():
        return Result.load(folder / RESULT)
    started = time.monotonic()
    cache = FrameCache(extractor, options.cache)
    clips = list({example.clip.name: example.clip for corpus in corpora for example in corpus.examples}.values())
    if options.progress:
        _announce(cache, clips, extractor)
    cache.extract(clips, progress=options.progress)
    if isinstance(task, ProbeTask):
        outcomes = [_train_and_test(task, corpus, cache, extractor, recipe, folder, options) for corpus in corpora]
    else:
        assert isinstance(task, SearchTask)
        outcomes = [_search(task, corpus, cache, options) for corpus in corpora]
    result = _result(task, extractor, model, data, recipe, options, corpora, outcomes)
    result.details["minutes"] = round((time.monotonic() - started) / 60, 2)
    result.save(folder)
    return result


@dataclass
class _Outcomes:
    """Outcomes of one corpus, and how they came about."""

    dev: np.ndarray
    test: np.ndarray
    trained: Sequence[Trained] = ()
    parameters: int = 0
    facts: dict[str, Any] = field(default_factory=dict)


def _train_and_test(
    task: ProbeTask,
    corpus: Corpus,
    cache: FrameCache,
    extractor: FeatureExtractor,
    recipe: ProbeConfig,
    folder: Path,
    options: Options,
) -> _Outcomes:
    here = folder / corpus.name.replace(" ", "-") if corpus.name else folder
    run = Run(task, corpus, cache.reader(), extractor.frame_rate, recipe, options.seed, here, options.device)
    rates = options.learning_rates or (recipe.learning_rate,)
    trained = search(run, rates, options.jobs, options.progress)
    best = run_of(run, trained[0].learning_rate)
    probe = best_probe(best)
    dev = evaluate(best, probe, "dev")
    test = evaluate(best, probe, "test")
    return _Outcomes(dev, task.choose(dev, test), trained, parameter_count(probe))


def _search(task: SearchTask, corpus: Corpus, cache: FrameCache, options: Options) -> _Outcomes:
    dev, test, facts = task.search(corpus, cache, options.progress)
    return _Outcomes(dev, test, facts=facts)


def _result(
    task: Task,
    extractor: FeatureExtractor,
    model: str,
    data: Path,
    recipe: ProbeConfig,
    options: Options,
    corpora: Sequence[Corpus],
    outcomes: Sequence[_Outcomes],
) -> Result:
    test, dev = [j.test for j in outcomes], [j.dev for j in outcomes]
    intervals = percentile_intervals(task.measure, test)
    name = task.measures[0].name
    rates: dict[str, list[float]] = {}
    for trained in (t for j in outcomes for t in j.trained):
        rates.setdefault(f"{trained.learning_rate:g}", []).append(trained.dev[name])
    splits: dict[str, list] = {"train": [], "dev": [], "test": []}
    for corpus in corpora[:1]:
        for split, examples in corpus.splits.items():
            splits[split] = examples
    details = {
        "head parameters": outcomes[0].parameters,
        "chosen": [
            {"learning rate": t.learning_rate, "step": t.step} for t in (j.trained[0] for j in outcomes if j.trained)
        ],
        "steps per minute": [t.steps_per_minute for j in outcomes for t in j.trained],
        **outcomes[0].facts,
        **({"latents": _stored_latents(corpora)} if options.stored else {}),
        "speakers of test": len({e.speaker for e in splits["test"]} - {None}),
    }
    return Result(
        task=task.name,
        representation=extractor.name,
        model=model,
        fingerprint=extractor.fingerprint,
        dim=extractor.dim,
        layers=extractor.layers,
        frame_rate=extractor.frame_rate,
        metrics={k: Estimate(v, *intervals[k]) for k, v in _mean(task, test).items()},
        dev=_mean(task, dev),
        learning_rates={rate: float(np.mean(values)) for rate, values in rates.items()},
        recipe=dataclasses.asdict(recipe),
        seed=options.seed,
        data=data.name,
        official=not is_manifest(data),
        items={split: len(examples) for split, examples in splits.items()},
        seconds={split: round(sum(seconds_of(e.clip) for e in examples), 1) for split, examples in splits.items()},
        details=details,
    )


def _mean(task: Task, folds: Sequence[np.ndarray]) -> dict[str, float]:
    """Figures, the mean over folds where there are several."""
    metrics = [task.measure(outcomes) for outcomes in folds]
    return {name: float(np.mean([estimate[name] for estimate in metrics])) for name in metrics[0]}


def _folder_name(
    task: Task, extractor: FeatureExtractor, corpora: Sequence[Corpus], recipe: ProbeConfig, options: Options
) -> str:
    """Readable, and another one whenever anything that the figure depends on is another."""
    # As in 0.1, whose results are still found.
    settings = repr(recipe).replace(type(recipe).__name__, "Recipe", 1)
    settings = settings.replace(", language=", ", language_model='', language=")
    for later in (", warmup=0, asr='', speaker='')", ", upsample=1)"):
        settings = settings.replace(later, ")")
    parts = [f"{task.name} {extractor.fingerprint} {settings} {options.seed} {options.learning_rates}"]
    for corpus in corpora:
        for split, examples in corpus.splits.items():
            for example in examples:
                clip = example.clip
                parts.append(f"{split} {clip.name} {clip.start} {clip.seconds} {example.target}")
        parts.append(f"{corpus.trials} {[example.clip.name for example in corpus.searched]}")
    parts += _stored_latents(corpora)
    name = "".join(c if c.isalnum() or c in "-." else "-" for c in extractor.name)
    return f"{name}-{short_digest(*parts)[:10]}"


def _stored_latents(corpora: Sequence[Corpus]) -> list[str]:
    """How the latents of recordings were made and stored that are read instead of the audio."""
    places = (stored_place(example.clip) for corpus in corpora for example in corpus.examples)
    found = (LatentIndex.load(folder / INDEX) for folder in sorted({place.folder for place in places if place}))
    return [f"{about.stored}, computed in {about.precision} by {about.model}" for about in found]


def _announce(cache: FrameCache, clips: Sequence, extractor: FeatureExtractor) -> None:
    print(f"{extractor.name}: {cache.plan(clips)}")
    if extractor.layers > 1:
        times = extractor.layers * extractor.dim * extractor.frame_rate / (128 * 50)
        print("note: " + WEIGHTED_WARNING.format(layers=extractor.layers, times=times))
