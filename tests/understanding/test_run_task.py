"""From a data folder to a result: what is kept, what is done again, what the intervals say."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.understanding import corpora
from wavcube.codec import WavCube, WavCubeConfig
from wavcube.errors import ConfigError, MissingDependencyError
from wavcube.evaluation.statistics import percentile_intervals
from wavcube.features import build_feature_extractor
from wavcube.features.wavcube import WavCubeExtractor
from wavcube.understanding import TASKS, Options, ProbeConfig, run_task, task_named
from wavcube.understanding.results import Result

SMALL = {"steps": 20, "batch": 6, "accumulate": 1, "learning_rate": 1e-2, "width": 8, "evaluations": 2}


def recipe_of(name: str, **settings: object) -> ProbeConfig:
    return dataclasses.replace(TASKS[name].recipe, **{**SMALL, **settings})


def test_a_result_says_how_it_was_made(tmp_path: Path) -> None:
    data = corpora.voxceleb(tmp_path / "data", speakers=3)
    options = Options(tmp_path / "out", tmp_path / "cache", seed=5, learning_rates=(1e-2, 1e-6))
    result = run_task(TASKS["sid"], build_feature_extractor("mfcc"), "mfcc", data, recipe_of("sid"), options)
    estimate = result.metrics["accuracy"]
    assert estimate.low <= estimate.value <= estimate.high
    assert set(result.learning_rates) == {"0.01", "1e-06"}
    assert result.details["chosen"][0]["learning rate"] == 0.01
    assert (result.representation, result.dim, result.layers, result.frame_rate) == ("MFCC", 39, 1, 100.0)
    assert (result.seed, result.recipe["steps"], result.official) == (5, 20, True)
    [file] = (tmp_path / "out").rglob("result.json")
    assert Result.load(file) == result
    assert json.loads(file.read_text())["items"] == {"train": 15, "dev": 6, "test": 6}


def test_what_was_done_is_only_read_and_changes_are_done_anew(tmp_path: Path) -> None:
    data = corpora.voxceleb(tmp_path / "data", speakers=3)
    options = Options(tmp_path / "out", tmp_path / "cache")
    extractor = build_feature_extractor("mfcc")

    def files() -> int:
        return len(list((tmp_path / "out").rglob("result.json")))

    first = run_task(TASKS["sid"], extractor, "mfcc", data, recipe_of("sid"), options)
    assert run_task(TASKS["sid"], extractor, "mfcc", data, recipe_of("sid"), options) == first
    assert files() == 1
    run_task(TASKS["sid"], extractor, "mfcc", data, recipe_of("sid", steps=10), options)
    run_task(TASKS["sid"], extractor, "mfcc", data, recipe_of("sid"), dataclasses.replace(options, seed=1))
    table = data / "veri_test_class.txt"
    table.write_text(table.read_text().replace("1 id10000/video0/00000.wav\n", ""))
    run_task(TASKS["sid"], extractor, "mfcc", data, recipe_of("sid"), options)
    assert files() == 4


@pytest.mark.parametrize("part", ["latents", "features", "restored"])
def test_parts_of_a_model_are_representations(tmp_path: Path, part) -> None:
    torch.manual_seed(0)
    extractor = WavCubeExtractor(WavCube(WavCubeConfig.preset("tiny")), part)
    data = corpora.voxceleb(tmp_path / "data", speakers=3)
    options = Options(tmp_path / "out", tmp_path / "cache")
    result = run_task(TASKS["sid"], extractor, "wavcube", data, recipe_of("sid"), options)
    assert result.dim == (16 if part == "latents" else 64)


def test_weighted_sums(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

    torch.manual_seed(0)
    config = HubertConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * 7,
        num_conv_pos_embedding_groups=4,
    )
    HubertModel(config).save_pretrained(tmp_path / "hubert")
    Wav2Vec2FeatureExtractor().save_pretrained(tmp_path / "hubert")
    model = f"transformers:{tmp_path / 'hubert'}@weighted"
    data = corpora.voxceleb(tmp_path / "data", speakers=3)
    options = Options(tmp_path / "out", tmp_path / "cache", progress=True)
    result = run_task(TASKS["sid"], build_feature_extractor(model), model, data, recipe_of("sid"), options)
    assert result.layers == 3
    told = capsys.readouterr().out
    assert "3 layers" in told
    assert "to compute" in told


def test_query_by_example_chooses_the_layer_on_dev(tmp_path: Path) -> None:
    from wavcube.features import FeatureExtractor

    class NoiseThenLogMel(FeatureExtractor):
        """Layer 0 is noise, layer 1 log-mel."""

        def __init__(self) -> None:
            self.inner = build_feature_extractor("logmel")
            self.name, self.dim, self.layers, self.frame_rate, self.shortest = "two", 80, 2, 100.0, 400
            self.fingerprint = "two"

        def frames(self, samples: int) -> int:
            return self.inner.frames(samples)

        def _compute(self, waveform: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            values, frames = self.inner(waveform, lengths)
            return torch.stack([torch.randn_like(values), values], 1), frames

    torch.manual_seed(0)
    data = corpora.quesst(tmp_path / "data")
    options = Options(tmp_path / "out", tmp_path / "cache")
    result = run_task(TASKS["qbe"], NoiseThenLogMel(), "two", data, TASKS["qbe"].recipe, options)
    assert result.details["layer"] == 1
    assert result.metrics["mtwv"].value >= 0.6


def test_settings_are_typed_and_named() -> None:
    recipe = TASKS["asr"].recipe
    changed = recipe.changed({"steps": "10", "specaugment": "scaled", "bucket": "false", "clip": "2"})
    assert (changed.steps, changed.specaugment, changed.bucket, changed.clip) == (10, "scaled", False, 2.0)
    for settings, match in (
        ({"step": "10"}, "unknown setting 'step'; there are steps"),
        ({"steps": "many"}, "steps is 'many'"),
        ({"steps": "0"}, "steps must be at least 1"),
        ({"specaugment": "half"}, "not one of published, scaled, off"),
        ({"bucket": "1"}, "not true or false"),
        ({"learning_rate": "-1"}, "above 0"),
        ({"warmup": "11", "steps": "10"}, r"warmup must be from 0 to steps \(10\), not 11"),
    ):
        with pytest.raises(ConfigError, match=match):
            recipe.changed(settings)


def test_recipes_are_superbs() -> None:
    recipes = {name: task.recipe for name, task in TASKS.items()}
    facts = {name: (r.steps, r.batch * r.accumulate, r.learning_rate) for name, r in recipes.items()}
    assert facts == {
        "pr": (100_000, 32, 1e-2),
        "asr": (200_000, 32, 1e-4),
        "ks": (200_000, 32, 1e-4),
        "qbe": (1, 32, 1e-4),
        "sid": (200_000, 32, 1e-4),
        "asv": (200_000, 50, 1e-4),
        "sd": (30_000, 32, 1e-4),
        "ic": (200_000, 32, 1e-4),
        "sf": (200_000, 32, 1e-4),
        "er": (30_000, 32, 1e-4),
        "se": (150_000, 8, 1e-4),
        "ss": (150_000, 8, 1e-4),
        "vc": (10_000, 6, 1e-4),
    }
    assert list(TASKS) == ["pr", "asr", "ks", "qbe", "sid", "asv", "sd", "ic", "sf", "er", "se", "ss", "vc"]


@pytest.mark.parametrize(("name", "package"), [("asr", "jiwer"), ("asv", "sklearn"), ("sd", "scipy")])
def test_absent_packages_are_named_before_anything_else(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda expected: None)
    with pytest.raises(MissingDependencyError, match=rf'needs {package}: pip install "wavcube\[superb\]"'):
        run_task(
            TASKS[name],
            build_feature_extractor("mfcc"),
            "mfcc",
            tmp_path,
            TASKS[name].recipe,
            Options(tmp_path, tmp_path),
        )


def test_unknown_task() -> None:
    with pytest.raises(ConfigError, match="no task 'st'; there are pr, asr"):
        task_named("st")


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)

    def accuracy(outcomes: np.ndarray) -> dict[str, float]:
        return {"accuracy": float(outcomes.mean())}

    covered = 0
    for _ in range(200):
        low, high = percentile_intervals(accuracy, [rng.binomial(1, 0.7, (80, 1))], resamples=200)["accuracy"]
        covered += low <= 0.7 <= high
    assert 0.88 <= covered / 200 <= 0.99
    narrow = percentile_intervals(accuracy, [rng.binomial(1, 0.7, (80, 1)) for _ in range(5)], resamples=200)[
        "accuracy"
    ]
    assert narrow[1] - narrow[0] < 0.12  # five folds know more than one
