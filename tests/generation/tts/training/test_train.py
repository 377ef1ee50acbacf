import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.locations import REPOSITORY
from wavcube.errors import CheckpointError, ConfigError, DataError, WavCubeError
from wavcube.generation.flow.config import TransformerConfig
from wavcube.generation.tts.durations.duration_network import DurationNetwork
from wavcube.generation.tts.model import FlowMatchingTTS
from wavcube.generation.tts.pipeline import TextToSpeech
from wavcube.generation.tts.text.frontend import build_text_frontend
from wavcube.generation.tts.training.recipe import read_recipe
from wavcube.generation.tts.training.run import train_run


@pytest.fixture
def settings(manifest: Path, tmp_path: Path, wavcube_folder: Path) -> list[str]:
    corpus = f"[{{path: '{manifest}'}}]"
    return [
        f"representation=wavcube:{wavcube_folder}",
        "model.preset=tiny",
        "model.text_frontend=lowercase",
        f"data.train={corpus}",
        f"data.validation={corpus}",
        f"data.cache='{tmp_path / 'cache'}'",
        "batches.seconds=8.0",
        "optimizer.steps=4",
        "optimizer.warmup=2",
        "optimizer.lr=1e-3",
        "optimizer.ema=0.9",
        "samples.every=0",
        "samples.count=2",
        "samples.nfe=2",
        "validation.every=6",
        "run.log_every=2",
        "run.save_every=100",
        "hardware.accelerator=cpu",
        "hardware.devices=1",
    ]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text("model: {transformer: {dropout: 0.1}}\n")
    return path


def test_a_run_leaves_a_model_that_speaks(settings: list[str], recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train_run(run, recipe=recipe, settings=[*settings, "samples.every=4"])
    assert {path.name for path in (run / "samples" / "step-00000004").iterdir()} == {"00.wav", "01.wav"}
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {"train/loss", "validation/loss"} <= {name for line in logged for name in line}
    assert (run / "curves.png").is_file()
    speaker = TextToSpeech.from_pretrained(run)
    assert speaker.model.config.transformer.dropout == 0.1
    assert speaker.model.config.languages == ("en",)
    card = (run / "model" / "README.md").read_text()
    assert "needs the consent of the person" in card
    assert "Trained on: speech.tsv; 4 updates" in card
    assert str(tmp_path) not in card


def test_an_interrupted_run_ends_bit_for_bit_like_one_that_was_not(
    settings: list[str], recipe: Path, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train_run(whole, recipe=recipe, settings=[*settings, "run.save_every=2"])
    shutil.copytree(whole, cut)
    shutil.rmtree(cut / "checkpoints" / "step-00000004")
    shutil.rmtree(cut / "model")
    assert train_run(cut, resume=True)
    for name in ("model.safetensors", "trainer/networks.safetensors"):
        first, second = (load_file(run / "checkpoints" / "step-00000004" / name) for run in (whole, cut))
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first)
    assert (whole / "metrics.jsonl").read_text().count('"step": 6') == (cut / "metrics.jsonl").read_text().count(
        '"step": 6'
    )


def test_a_finished_run_goes_on_with_other_batches(settings: list[str], recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train_run(run, recipe=recipe, settings=[*settings, "validation.every=0"])
    assert train_run(run, settings=["optimizer.steps=6", "batches.utterances=1"], resume=True)
    changed = json.loads((run / "sessions.jsonl").read_text().splitlines()[-1])["changed"]
    assert changed[:2] == ["batches.utterances: 64 -> 1", "optimizer.steps: 4 -> 6"]
    assert "of other batches (an epoch had" in changed[2]
    assert (run / "checkpoints" / "step-00000006").is_dir()


def test_training_lowers_the_loss(settings: list[str], recipe: Path, tmp_path: Path) -> None:
    more = ["optimizer.steps=40", "validation.every=10", "hardware.checkpoint_activations=true"]
    train_run(tmp_path / "run", recipe=recipe, settings=[*settings, *more])
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    losses = [line["validation/loss"] for line in lines if "validation/loss" in line]
    assert losses[-1] < 0.95 * losses[0]


@pytest.mark.long
def test_token_durations_are_learnt_from_an_alignment(settings: list[str], recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train_run(
        run, recipe=recipe, settings=[*settings, "model.transformer={text_alignment: duration}", "samples.every=4"]
    )
    model = FlowMatchingTTS.from_pretrained(run)
    assert isinstance(model.duration_predictor, DurationNetwork)
    assert float(model.duration_predictor.usual[1:].std()) > 0
    assert 0.3 < float(model.token_seconds(model.token_ids("these things")).sum()) < 2.0
    assert len(list((run / "samples" / "step-00000004").iterdir())) == 2
    # Fine-tuned on a few utterances it keeps its durations, with the mean of all for a new token.
    vocabulary = tmp_path / "vocabulary.txt"
    vocabulary.write_text("\n".join([*model.config.tokens, "ß", ""]))
    more = [*settings, f"model.vocabulary='{vocabulary}'", "validation.every=0"]
    train_run(tmp_path / "tuned", recipe=recipe, settings=more, init_from=str(run))
    tuned = FlowMatchingTTS.from_pretrained(tmp_path / "tuned")
    text = model.token_ids("these things")
    torch.testing.assert_close(tuned.token_seconds(text, seed=1), model.token_seconds(text, seed=1))


def test_fine_tuning_starts_from_a_model_and_adds_tokens(settings: list[str], recipe: Path, tmp_path: Path) -> None:
    train_run(tmp_path / "first", recipe=recipe, settings=settings)
    vocabulary = tmp_path / "vocabulary.txt"
    vocabulary.write_text("\n".join([*FlowMatchingTTS.from_pretrained(tmp_path / "first").config.tokens, "ß", ""]))
    more = [*settings, f"model.vocabulary='{vocabulary}'", "optimizer.lr=1e-12", "optimizer.ema=0.0"]
    train_run(tmp_path / "second", recipe=recipe, settings=more, init_from=str(tmp_path / "first"))
    before, after = (FlowMatchingTTS.from_pretrained(tmp_path / name) for name in ("first", "second"))
    assert after.vocabulary.tokens == (*before.vocabulary.tokens, "ß")
    torch.testing.assert_close(after.transformer.state_dict(), before.transformer.state_dict(), atol=1e-4, rtol=0)
    assert torch.equal(after.mean, before.mean)
    with pytest.raises(CheckpointError, match="was trained on"):
        train_run(
            tmp_path / "third",
            recipe=recipe,
            settings=[*settings, "representation=logmel"],
            init_from=str(tmp_path / "first"),
        )


def test_fine_tuning_can_change_the_language(settings: list[str], recipe: Path, tmp_path: Path) -> None:
    train_run(tmp_path / "first", recipe=recipe, settings=settings)
    more = [*settings, "model.change_text_frontend=characters", "validation.every=0", "optimizer.ema=0.0"]
    train_run(tmp_path / "second", recipe=recipe, settings=more, init_from=str(tmp_path / "first"))
    before, after = (FlowMatchingTTS.from_pretrained(tmp_path / name) for name in ("first", "second"))
    assert (before.config.text_frontend, after.config.text_frontend) == ("lowercase", "characters")
    assert set(before.vocabulary.tokens) < set(after.vocabulary.tokens)
    assert any(token.isupper() for token in after.vocabulary.tokens)


@pytest.mark.long
def test_a_trained_model_learns_few_steps(settings: list[str], recipe: Path, tmp_path: Path) -> None:
    train_run(tmp_path / "slow", recipe=recipe, settings=settings)
    more = [*settings, "few_steps.steps=4", "samples.every=4", "run.save_every=2"]
    train_run(tmp_path / "fast", recipe=recipe, settings=more, init_from=str(tmp_path / "slow"))
    model = FlowMatchingTTS.from_pretrained(tmp_path / "fast")
    assert model.config.transformer.few_steps == 4
    learnt = model.state_dict()["transformer.step_end.layers.2.weight"]
    assert learnt.abs().max() > 0
    assert (tmp_path / "fast" / "samples" / "step-00000004" / "00.wav").is_file()
    shutil.rmtree(tmp_path / "fast" / "checkpoints" / "step-00000004")
    assert train_run(tmp_path / "fast", resume=True)
    again = FlowMatchingTTS.from_pretrained(tmp_path / "fast").state_dict()
    torch.testing.assert_close(again["transformer.step_end.layers.2.weight"], learnt, rtol=0, atol=0)
    train_run(tmp_path / "tuned", recipe=recipe, settings=settings, init_from=str(tmp_path / "fast"))
    assert FlowMatchingTTS.from_pretrained(tmp_path / "tuned").config.transformer.few_steps == 0
    with pytest.raises(ConfigError, match="name that with --from"):
        train_run(tmp_path / "none", recipe=recipe, settings=more)


def test_folders_are_not_overwritten(settings: list[str], recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train_run(run, recipe=recipe, settings=[*settings, "validation.every=0"])
    with pytest.raises(ConfigError, match="holds a run already"):
        train_run(run, recipe=recipe, settings=settings)
    with pytest.raises(ConfigError, match=r"flow\.drop_all differs from what this run was begun with"):
        train_run(run, settings=["flow.drop_all=0.5"], resume=True)
    with pytest.raises(CheckpointError, match="was trained on"):
        train_run(run, settings=["representation=logmel", "optimizer.steps=6"], resume=True)
    with pytest.raises(ConfigError, match="holds no run"):
        train_run(tmp_path, recipe=recipe, settings=settings)
    with pytest.raises(ConfigError, match="name a recipe"):
        train_run(tmp_path / "new")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("optimizer.stesp=3", r"unknown key optimizer\.stesp"),
        ("optimizer.steps=many", r"optimizer\.steps"),
        ("optimizer.warmup=-1", r"optimizer\.warmup is -1; it must be 0 or more"),
        ("flow.span_low=0", r"flow\.span_low"),
        ("data.train=[]", r"data\.train is empty"),
        ("data.validation=[]", r"data\.validation is empty"),
        ("model.transformer={widht: 3}", r"model\.transformer"),
        ("model.preset=huge", "no transformer preset 'huge'"),
        ("model.text_frontend=letters", "no text frontend"),
        ("representation=mel", "unknown representation"),
        ("samples={every: 1, texts: none.txt}", r"none\.txt: cannot be read"),
        ("samples={every: 1, prompt_seconds: 1.0}", r"no validation utterance of up to 1 s can be a prompt"),
        ("samples={every: 1, asr: ears}", "wer cannot be measured"),
    ],
)
def test_wrong_settings_are_named(settings: list[str], recipe: Path, tmp_path: Path, wrong: str, message: str) -> None:
    with pytest.raises(WavCubeError, match=message):
        train_run(tmp_path / "run", recipe=recipe, settings=[*settings, wrong])


def test_missing_data_is_named(settings: list[str], recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.tsv: no such"):
        train_run(tmp_path / "run", recipe=recipe, settings=[*settings, "data.train=[{path: none.tsv}]"])


def test_recipes_build_on_others(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("data: {train: [{path: a.tsv}], validation: [{path: b.tsv}]}\nrun: {seed: 3}\n")
    (tmp_path / "one.yaml").write_text("base: base.yaml\noptimizer: {steps: 30000}\n")
    config = read_recipe(tmp_path / "one.yaml", ["run.seed=4"])
    assert (config.data.train[0].path, config.optimizer.steps, config.run.seed) == ("a.tsv", 30_000, 4)
    (tmp_path / "base.yaml").write_text("base: one.yaml\n")
    with pytest.raises(ConfigError, match="builds on itself"):
        read_recipe(tmp_path / "one.yaml")


@pytest.mark.parametrize("path", sorted((REPOSITORY / "recipes").glob("tts*.yaml")), ids=lambda p: p.stem)
def test_the_recipes_that_come_along_are_valid(path: Path) -> None:
    config = read_recipe(path)
    TransformerConfig(**{**vars(TransformerConfig.preset(config.model.preset)), **config.model.transformer})
    build_text_frontend(config.model.text_frontend)
