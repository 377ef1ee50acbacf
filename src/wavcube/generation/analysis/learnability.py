"""Learnability of representations: the same transformer, data and steps on each of them.

A small version of the WavCube paper's Table 6 and Figure 2: word error rate and speaker similarity against
training steps, and beside them what costs no training: the figures of latent_space.py, and what true frames sound like
(resynthesis.py). `scripts/learnability.py` is the command.
"""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from wavcube.errors import ConfigError, DataError
from wavcube.evaluation.plain_tables import markdown
from wavcube.files import atomic_path
from wavcube.generation.analysis.latent_space import SpaceStatistics, measure_space
from wavcube.generation.analysis.resynthesis import resynthesise
from wavcube.generation.flow.feature_codec import load_feature_codec
from wavcube.generation.tts.text.frontend import build_text_frontend
from wavcube.generation.tts.text.vocabulary import Vocabulary
from wavcube.generation.tts.training.dataset import SpeechCorpus, read_corpora
from wavcube.generation.tts.training.recipe import read_recipe
from wavcube.generation.tts.training.run import train_run
from wavcube.run_layout import latest_checkpoint

CURVES = {
    "validation/loss": "loss on held-out speech",
    "samples/wer": "word error rate of samples, %",
    "samples/speaker_similarity": "similarity of samples to the prompt",
    "samples/voiced_difference": "voiced frames of samples, less the prompt's, points",
}
"""What is followed over the steps, as training logs it."""

TRUE_FRAMES = {
    "wer": "word error rate of true frames, %",
    "speaker_similarity": "similarity of true frames to the original",
}
"""What is measured of recordings that were only encoded and decoded."""


Curves = dict[str, list[tuple[int, float]]]
"""Name -> (step, value) pairs."""


@dataclass
class Learnt:
    """What was found of one representation.

    Attributes:
        statistics: before training.
        true_frames: "wer" (%) and "speaker_similarity" of true recordings that were only encoded and decoded; empty
            without metrics.
        seeds: of each seed, name -> (step, value) pairs.
    """

    statistics: SpaceStatistics
    true_frames: dict[str, float]
    seeds: list[Curves]

    @property
    def curves(self) -> Curves:
        """Means over the seeds, at the steps that all of them have."""
        shared = set.intersection(*(set(curves) for curves in self.seeds)) if self.seeds else set()
        means: Curves = {}
        for name in (name for name in CURVES if name in shared):
            values = [dict(curves[name]) for curves in self.seeds]
            steps = sorted(set.intersection(*(set(one) for one in values)))
            means[name] = [(step, sum(one[step] for one in values) / len(values)) for step in steps]
        return {name: points for name, points in means.items() if points}


def compare_representations(
    representations: Mapping[str, str],
    recipe: str | Path,
    folder: Path,
    settings: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
) -> dict[str, Learnt] | None:
    """Measure and train on every representation; whatever interrupts it, the same call goes on.

    Args:
        representations: label -> specification, as for `build_feature_extractor`.
        recipe: of all trainings.
        folder: gets a run for each label and seed, statistics.json, table.md and curves.png.
        settings: over the recipe, the same for all.
        seeds: each representation is trained once with each; all have the first before any has the next.

    Returns:
        What was found, by label; None if a training was interrupted.

    Raises:
        ConfigError: two labels that are the same folder name.
        WavCubeError: whatever training raises.
    """
    runs = {label: folder / re.sub(r"[^\w.-]+", "-", label) for label in representations}
    if len(set(runs.values())) < len(runs):
        raise ConfigError(f"representations need labels that differ as folder names: {', '.join(runs)}")
    folder.mkdir(parents=True, exist_ok=True)
    before = {
        label: _before_training(spec, recipe, folder / "statistics.json", label, settings)
        for label, spec in representations.items()
    }
    for seed, (label, spec) in itertools.product(seeds, representations.items()):
        run = runs[label] / f"seed-{seed}"
        more = [f"representation='{spec}'", *settings, f"run.seed={seed}"]
        begun = latest_checkpoint(run / "checkpoints") is not None or (run / "config.yaml").exists()
        if not train_run(run, recipe=recipe, settings=more, resume=begun):
            return None
        found = {
            name: Learnt(*before[name], [read_curves(one) for one in sorted(run.glob("seed-*"))])
            for name, run in runs.items()
            if run.is_dir()
        }
        write_comparison(found, folder)
    return found


def read_curves(run: Path) -> Curves:
    """What training logged of `CURVES`.

    Raises:
        DataError: the run has no log.
    """
    path = run / "metrics.jsonl"
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no log of a training run ({error})") from error
    curves = {name: [(line["step"], line[name]) for line in lines if name in line] for name in CURVES}
    return {name: points for name, points in curves.items() if points}


def rank_correlation(found: Mapping[str, Learnt]) -> dict[str, dict[str, float]]:
    """Figure -> curve -> Spearman's rank correlation over representations with the curve's last value.

    1 means that the figure puts the representations in the order in which they end up (-1: in the opposite one). With
    four representations even 1 comes by chance once in 24.
    """
    from scipy.stats import spearmanr

    labels = list(found)
    result: dict[str, dict[str, float]] = {}
    for statistic in fields(SpaceStatistics):
        values = [getattr(found[label].statistics, statistic.name) for label in labels]
        for curve in CURVES:
            if len(labels) > 2 and all(curve in found[label].curves for label in labels):
                ends = [found[label].curves[curve][-1][1] for label in labels]
                if len(set(values)) > 1 and len(set(ends)) > 1:
                    result.setdefault(statistic.name, {})[curve] = float(spearmanr(values, ends).statistic)
    return result


def write_comparison(found: Mapping[str, Learnt], folder: Path) -> None:
    """Write comparison.json, table.md and curves.png."""
    content = {
        "representations": {label: {**asdict(learnt), "curves": learnt.curves} for label, learnt in found.items()},
        "rank_correlation": rank_correlation(found),
    }
    with atomic_path(folder / "comparison.json") as path:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    with atomic_path(folder / "table.md") as path:
        path.write_text(_table(found), encoding="utf-8")
    _picture(found, folder / "curves.png")


def _before_training(
    spec: str, recipe: str | Path, path: Path, label: str, settings: Sequence[str]
) -> tuple[SpaceStatistics, dict[str, float]]:
    """Figures of the frames, and what true frames sound like; from the file at `path` if they were found before."""
    known = json.loads(path.read_text()) if path.is_file() else {}
    representation = load_feature_codec(spec)
    config = read_recipe(recipe, [f"representation='{spec}'", *settings])
    samples = config.samples
    of = {
        "fingerprint": representation.extractor.fingerprint,
        "metrics": [samples.asr, samples.speaker, samples.count],
    }
    if {name: known.get(label, {}).get(name) for name in of} != of:
        utterances = read_corpora(config.data.train)
        text_frontend = build_text_frontend(config.model.text_frontend)
        vocabulary = Vocabulary.collect(text_frontend(utterance.transcript or "") for utterance in utterances)
        corpus = SpeechCorpus(
            utterances, representation.extractor, text_frontend, vocabulary, config.data, show_progress=True
        )
        statistics = measure_space(corpus, config.run.seed)
        true_frames = resynthesise(representation, read_corpora(config.data.validation), samples)
        known[label] = {**of, "statistics": asdict(statistics), "true_frames": true_frames}
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return SpaceStatistics(**known[label]["statistics"]), known[label]["true_frames"]


def _table(found: Mapping[str, Learnt]) -> str:
    statistics = [statistic.name for statistic in fields(SpaceStatistics)]
    curves = [name for name in CURVES if any(name in learnt.curves for learnt in found.values())]
    measured = [name for name in TRUE_FRAMES if any(name in learnt.true_frames for learnt in found.values())]
    header = ["representation", *(name.replace("_", " ") for name in statistics)]
    header += [*(TRUE_FRAMES[name] for name in measured), *(CURVES[name] for name in curves)]
    rows = []
    for label, learnt in found.items():
        cells = [f"{getattr(learnt.statistics, name):.3g}" for name in statistics]
        cells += [f"{learnt.true_frames[name]:.3g}" if name in learnt.true_frames else "-" for name in measured]
        cells += [
            f"{learnt.curves[name][-1][1]:.3g} (step {learnt.curves[name][-1][0]})" if name in learnt.curves else "-"
            for name in curves
        ]
        rows.append([label, *cells])
    return markdown(header, rows)


def _picture(found: Mapping[str, Learnt], path: Path) -> None:
    from matplotlib.figure import Figure

    curves = [name for name in CURVES if any(name in learnt.curves for learnt in found.values())]
    statistic = Figure(figsize=(5.5 * max(1, len(curves)), 4), layout="constrained")
    for panel, name in zip(statistic.subplots(1, max(1, len(curves)), squeeze=False)[0], curves, strict=True):
        for label, learnt in found.items():
            if name in learnt.curves:
                line = panel.plot(*zip(*learnt.curves[name], strict=True), marker=".", label=label)[0]
                for one in learnt.seeds if len(learnt.seeds) > 1 else []:
                    panel.plot(*zip(*one[name], strict=True), color=line.get_color(), alpha=0.3, linewidth=0.8)
        panel.set(xlabel="training step", title=CURVES[name])
        panel.grid(alpha=0.3)
        panel.legend()
    with atomic_path(path) as temporary:
        statistic.savefig(temporary, format="png", dpi=110)
