"""Heads that are trained on stored latents, without the audio."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.corpora.conftest import Encoder, encoder, model  # noqa: F401
from tests.understanding import corpora
from tests.understanding.test_run_task import recipe_of
from wavcube.codec import WavCube, WavCubeConfig
from wavcube.corpora.input_shards import input_shards
from wavcube.corpora.job import write_index
from wavcube.errors import ConfigError, DataError
from wavcube.features import FrameCache, build_feature_extractor
from wavcube.features.wavcube import WavCubeExtractor
from wavcube.understanding import TASKS, Options, run_task
from wavcube.understanding.check import check_data
from wavcube.understanding.corpora.stored import StoredRecordings


def stored(encoder: Encoder, inputs: list[Path], stored: str = "float16") -> Path:  # noqa: F811
    made = encoder("latents", stored, 20)
    shards = list(input_shards([str(given) for given in inputs], size=20))
    for shard in shards:
        made(shard)
    write_index(made.folder, made.settings, range(len(shards)), False)
    return made.folder


def without_audio(data: Path, kept: Path) -> Path:
    """A copy of a corpus that has its lists alone."""
    return shutil.copytree(data, kept, ignore=lambda _, names: [name for name in names if name.endswith(".wav")])


@pytest.mark.parametrize("task", ["sid", "sd", "ic", "er", "qbe"])
def test_figures_are_those_of_the_audio(
    task: str,
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    model: WavCube,  # noqa: F811
) -> None:
    build = {
        "sid": lambda root: corpora.voxceleb(root, speakers=3),
        "sd": lambda root: corpora.libri2mix(root, (4, 2, 2)),
        "ic": corpora.fluent,
        "er": corpora.iemocap,
        "qbe": corpora.quesst,
    }[task]
    data = build(tmp_path / "data")
    extractor = WavCubeExtractor(model)
    options = Options(tmp_path / "out", tmp_path / "cache")
    recipe = TASKS[task].recipe if task == "qbe" else recipe_of(task)
    expected = run_task(TASKS[task], extractor, "wavcube", data, recipe, options)

    folder = stored(encoder, [data])
    lists = without_audio(data, tmp_path / "data-without-audio")
    assert not list(lists.rglob("*.wav"))
    options = dataclasses.replace(options, stored=StoredRecordings([folder]))
    found = run_task(TASKS[task], extractor, "wavcube", lists, recipe, options)
    for name, estimate in expected.metrics.items():
        assert found.metrics[name].value == pytest.approx(estimate.value, abs=1e-3)
    assert (found.items, found.fingerprint) == (expected.items, expected.fingerprint)
    assert found.seconds == pytest.approx(expected.seconds)
    assert found.details["latents"] == [f"float16, computed in float32 by {model.weights_fingerprint()}"]
    assert len(list((tmp_path / "out").rglob("result.json"))) == 2

    alone = build_feature_extractor(f"latents:{folder}")
    assert (alone.name, alone.dim, alone.frame_rate) == ("latents", model.latent_dim, model.frame_rate)
    assert alone.fingerprint == extractor.fingerprint


def test_a_list_that_was_encoded_also_with_parts(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    model: WavCube,  # noqa: F811
) -> None:
    for number in range(8):
        corpora.write(tmp_path / f"audio/{number}.wav", corpora.sound([number] * 6, seed=number))
    rows = [
        f"audio/{n}.wav\t{split}\tw{n % 2}\t0.1\t{end}"
        for n, (split, end) in enumerate([("train", 0.7)] * 4 + [("dev", 0.6)] * 2 + [("test", 0.6)] * 2)
    ]
    manifest = tmp_path / "list.tsv"
    manifest.write_text("path\tsplit\tword\tstart\tend\n" + "\n".join(rows) + "\n")
    task = TASKS["ks"]
    clips = [example.clip for example in task.load(manifest, task.recipe)[0].examples]
    cache = FrameCache(WavCubeExtractor(model), tmp_path / "cache")
    cache.extract(clips)
    expected = {clip.name: cache[clip.name] for clip in clips}

    folder = stored(encoder, [manifest], "float32")
    shutil.rmtree(tmp_path / "audio")
    recordings = StoredRecordings([folder])
    clips = [example.clip for example in task.load(manifest, task.recipe, stored=recordings)[0].examples]
    cache = FrameCache(build_feature_extractor(f"latents:{folder}"), tmp_path / "cache2")
    cache.extract(clips)
    for name, values in expected.items():
        assert cache[name].shape == values.shape
        assert np.abs(cache[name] - values).max() <= 2e-3
    assert [split.recordings for split in check_data(task, manifest, task.recipe, stored=recordings)] == [4, 2, 2]


def test_what_does_not_fit_is_refused(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    data = corpora.voxceleb(tmp_path / "data", speakers=3)
    folder = stored(encoder, [data])
    task, recipe = TASKS["sid"], recipe_of("sid")
    options = Options(tmp_path / "out", tmp_path / "cache", stored=StoredRecordings([folder]))
    torch.manual_seed(1)
    other = WavCubeExtractor(WavCube(WavCubeConfig.preset("tiny")))
    for extractor in (other, build_feature_extractor("logmel")):
        with pytest.raises(DataError, match=f"holds latents of the model .*, no frames of {extractor.name}"):
            run_task(task, extractor, "m", data, recipe, options)

    table = data / "veri_test_class.txt"
    table.write_text(table.read_text() + "1 id10000/video7/00077.wav\n")
    with pytest.raises(DataError, match=r"1 of 28 recordings of .* have no latents there: id10000/video7/00077\.wav"):
        task.load(data, recipe, stored=options.stored)
    with pytest.raises(ConfigError, match="speech enhancement computes waveforms and needs the recordings"):
        TASKS["se"].load(data, recipe, stored=options.stored)


@pytest.mark.parametrize(
    ("encoded", "times", "match"),
    [("data/a", 1, "1 is the only one for both a/1 and b/1"), ("data", 2, r"a/1: has latents twice")],
)
def test_names_that_could_be_another_recordings_are_refused(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    encoded: str,
    times: int,
    match: str,
) -> None:
    for name in ("a/1", "b/1"):
        corpora.write(tmp_path / f"data/{name}.wav", corpora.sound([1] * 6))
    (tmp_path / "data.tsv").write_text("path\tsplit\tword\ndata/a/1.wav\ttrain\tw\ndata/b/1.wav\ttest\tw\n")
    recordings = StoredRecordings([stored(encoder, [tmp_path / encoded])] * times)
    with pytest.raises(DataError, match=match.replace("a/1", "data/a/1").replace("b/1", "data/b/1")):
        TASKS["ks"].load(tmp_path / "data.tsv", TASKS["ks"].recipe, stored=recordings)


def test_durations_of_the_list_have_to_be_those_of_the_latents(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    corpora.write(tmp_path / "data/1.wav", corpora.sound([1] * 6))
    folder = stored(encoder, [tmp_path / "data"])
    (tmp_path / "list.tsv").write_text("path\tsplit\tword\tseconds\n1.wav\ttrain\tw\t9.0\n")
    with pytest.raises(DataError, match=r"1: lasts 9\.00 s by the list, its latents .* are of 0\.84 s"):
        TASKS["ks"].load(tmp_path / "list.tsv", TASKS["ks"].recipe, stored=StoredRecordings([folder]))
