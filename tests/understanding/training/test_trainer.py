"""The probe loop: deterministic, resumable, sound heads and batches."""

import _thread
import dataclasses
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.understanding import corpora
from wavcube.errors import CheckpointError
from wavcube.features import FrameCache, build_feature_extractor
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.heads import Diariser, FrameLinear, PooledLinear, Probe, Recurrent
from wavcube.understanding.tasks.sid import SpeakerIdentification
from wavcube.understanding.training import trainer as loop
from wavcube.understanding.training.batches import Batches
from wavcube.understanding.training.grid import search
from wavcube.understanding.training.specaugment import SpecAugment
from wavcube.understanding.training.trainer import Run, best_probe, evaluate, train

RECIPE = ProbeConfig(
    steps=24, batch=6, learning_rate=1e-2, width=8, crop_seconds=0.4, evaluations=3, specaugment="scaled"
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("sid")
    task = SpeakerIdentification()
    [corpus] = task.read(corpora.voxceleb(root / "data", speakers=3), RECIPE)
    cache = FrameCache(build_feature_extractor("mfcc"), root / "cache")
    cache.extract([example.clip for example in corpus.examples])
    return task, corpus, cache.reader()


def run_in(folder: Path, prepared, recipe: ProbeConfig = RECIPE) -> Run:
    task, corpus, frames = prepared
    return Run(task, corpus, frames, 100.0, recipe, 3, folder)


def weights(run: Run) -> dict[str, torch.Tensor]:
    return best_probe(run).state_dict()


def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_in(tmp_path / "whole", prepared)
    expected = train(whole)
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    killed = run_in(tmp_path / "killed", prepared)
    real, seen = loop.update, []

    def dies(run, probe, optimiser, batches, step):
        if step == 13:
            raise KeyboardInterrupt
        seen.append(step)
        real(run, probe, optimiser, batches, step)

    monkeypatch.setattr(loop, "update", dies)
    with pytest.raises(KeyboardInterrupt):
        train(killed)
    assert seen == list(range(13))
    monkeypatch.setattr(loop, "update", real)
    result = train(killed)
    assert (result.dev, result.step) == (expected.dev, expected.step)
    for key, value in weights(whole).items():
        torch.testing.assert_close(weights(killed)[key], value, rtol=0, atol=0)


def test_seeds_decide(tmp_path: Path, prepared) -> None:
    first = run_in(tmp_path / "1", prepared)
    again = run_in(tmp_path / "2", prepared)
    other = dataclasses.replace(run_in(tmp_path / "3", prepared), seed=4)
    for run in (first, again, other):
        train(run)
    key = "head.project.weight"
    torch.testing.assert_close(weights(first)[key], weights(again)[key], rtol=0, atol=0)
    assert not torch.equal(weights(first)[key], weights(other)[key])


def test_a_finished_run_is_not_trained_again(tmp_path: Path, prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_in(tmp_path, prepared)
    expected = train(run)
    monkeypatch.setattr(loop, "update", None)
    assert train(run) == expected
    assert not (tmp_path / loop.STATE).exists()


def test_a_damaged_state_is_named(tmp_path: Path, prepared) -> None:
    run = run_in(tmp_path, prepared)
    (tmp_path / loop.STATE).write_bytes(b"no state")
    with pytest.raises(CheckpointError, match=r"state\.pt: damaged"):
        train(run)


def test_the_grid_takes_the_best_on_dev(tmp_path: Path, prepared) -> None:
    best, worst = search(run_in(tmp_path, prepared), (1e-7, 1e-2), progress=True)
    assert (best.learning_rate, worst.learning_rate) == (1e-2, 1e-7)
    assert best.dev["accuracy"] > worst.dev["accuracy"]


def test_an_interruption_does_not_wait_for_the_training(tmp_path: Path, prepared) -> None:
    run = run_in(tmp_path, prepared, dataclasses.replace(RECIPE, steps=10_000))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    interrupter = threading.Timer(1.0, _thread.interrupt_main)
    interrupter.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            search(run, (1e-2,), progress=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert not (tmp_path / "lr-0.01" / loop.DONE).exists()


@pytest.mark.slow
def test_processes_change_nothing(tmp_path: Path, prepared) -> None:
    rates = (1e-2, 1e-7)
    alone = search(run_in(tmp_path / "alone", prepared), rates)
    parallel = search(run_in(tmp_path / "parallel", prepared), rates, jobs=2, progress=True)
    assert [(t.learning_rate, t.dev, t.step) for t in parallel] == [(t.learning_rate, t.dev, t.step) for t in alone]


def test_the_best_step_is_kept(tmp_path: Path, prepared) -> None:
    run = run_in(tmp_path, prepared)
    trained = train(run)
    estimate = run.task.measure(evaluate(run, best_probe(run), "dev"))
    assert estimate == trained.dev


@pytest.mark.parametrize("bucket", [False, True])
def test_an_epoch_has_every_example_once(prepared, bucket: bool) -> None:
    _, corpus, frames = prepared
    recipe = ProbeConfig(batch=4, bucket=bucket)
    batches = Batches(frames, corpus.train, recipe, 100.0, seed=0)
    count = -(-len(corpus.train) // 4)
    for epoch in (0, 1):
        seen = [e.clip.name for n in range(count) for e in batches.at(epoch * count + n).examples]
        assert sorted(seen) == sorted(e.clip.name for e in corpus.train)
    again = Batches(frames, corpus.train, recipe, 100.0, seed=0)
    assert [e.clip.name for e in again.at(count).examples] == [e.clip.name for e in batches.at(count).examples]


def test_balanced_batches_draw_classes_alike(prepared) -> None:
    _, corpus, frames = prepared
    rare = [e for e in corpus.train if e.target == corpus.labels[0]][:1]
    common = [e for e in corpus.train if e.target == corpus.labels[1]]
    batches = Batches(frames, rare + common, ProbeConfig(batch=100, balanced=True), 100.0, seed=0)
    share = np.mean([e.target == corpus.labels[0] for n in range(5) for e in batches.at(n).examples])
    assert 0.4 < share < 0.6


def test_crops_know_where_they_start(prepared) -> None:
    _, corpus, frames = prepared
    batches = Batches(frames, corpus.train, ProbeConfig(batch=8, crop_seconds=0.2), 100.0, seed=0)
    batch = batches.at(0)
    assert batch.values.shape[1] == 20
    assert len(set(batch.starts)) > 1
    for row, start, example in zip(batch.values, batch.starts, batch.examples, strict=True):
        np.testing.assert_array_equal(row.numpy(), frames[example.clip.name][start : start + 20].astype(np.float32))


def test_the_recurrent_head_is_a_bidirectional_lstm() -> None:
    torch.manual_seed(0)
    head = Recurrent(6, 8, 2, 0.0, 3).eval()
    lstm = torch.nn.LSTM(8, 8, 2, batch_first=True, bidirectional=True)
    weights = {}
    for layer, pair in enumerate(zip(head.forwards, head.backwards, strict=True)):
        for direction, ending in zip(pair, ("", "_reverse"), strict=True):
            for name, value in direction.state_dict().items():
                weights[name.replace("l0", f"l{layer}{ending}")] = value
    lstm.load_state_dict(weights)
    values, lengths = torch.randn(3, 9, 6), torch.tensor([9, 4, 1])
    packed = pack_padded_sequence(head.project(values), lengths, batch_first=True, enforce_sorted=False)
    expected = head.classify(pad_packed_sequence(lstm(packed)[0], batch_first=True)[0])
    for row, target, length in zip(head(values, lengths), expected, lengths, strict=True):
        torch.testing.assert_close(row[:length], target[:length])


@pytest.mark.parametrize(
    "head", [PooledLinear(6, 8, 3), FrameLinear(6, 8, 3), Recurrent(6, 8, 2, 0.5, 3), Diariser(6, 8)]
)
def test_heads_give_a_batch_what_they_give_alone(head: torch.nn.Module) -> None:
    head.eval()
    values, lengths = torch.randn(2, 20, 6), torch.tensor([20, 7])
    together = head(values, lengths)
    alone = head(values[1:, :7], lengths[1:])
    expected = together[1:] if together.dim() == 2 else together[1:, :7]
    torch.testing.assert_close(alone, expected, rtol=1e-4, atol=1e-5)


def test_short_cuts_are_the_layers_that_they_stand_for() -> None:
    torch.manual_seed(0)
    values, lengths = torch.randn(2, 20, 6), torch.tensor([20, 7])
    linear, pooled = FrameLinear(6, 8, 3), PooledLinear(6, 8, 3)
    torch.testing.assert_close(linear(values, lengths), linear.classify(linear.project(values)))
    mean = torch.stack([pooled.project(row[:n]).mean(0) for row, n in zip(values, lengths, strict=True)])
    torch.testing.assert_close(pooled(values, lengths), pooled.classify(mean))


def test_layers_are_standardised_and_mixed_by_learned_weights() -> None:
    torch.manual_seed(0)
    mean, deviation = torch.randn(3, 6), torch.rand(3, 6) + 0.5
    probe = Probe(FrameLinear(6, 8, 2), mean, deviation).eval()
    values = torch.randn(2, 3, 10, 6)
    lengths = torch.tensor([10, 10])
    expected = ((values - mean[:, None]) / deviation[:, None]).mean(1)  # equal weights at first
    torch.testing.assert_close(probe(values, lengths), probe.head(expected, lengths))
    probe(values, lengths).sum().backward()
    assert probe.layer_weights is not None
    assert probe.layer_weights.grad is not None
    assert probe.layer_weights.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("form", "dim", "low", "high"),
    [("published", 1024, 0.07, 0.12), ("published", 128, 0.45, 0.62), ("scaled", 128, 0.06, 0.12)],
)
def test_share_of_channels_that_specaugment_hides(form, dim: int, low: float, high: float) -> None:
    """The published form hides over half of a latent's channels, the scaled one as many as of 1,024."""
    torch.manual_seed(0)
    augment = SpecAugment(form, dim)
    values = torch.ones(200, 120, dim)
    hidden = (augment(values, torch.full((200,), 120)) == 0).all(1).float().mean()
    assert low < float(hidden) < high


def test_specaugment_leaves_padding_and_the_input_alone() -> None:
    torch.manual_seed(0)
    values = torch.randn(2, 30, 16)
    kept = values.clone()
    changed = SpecAugment("published", 16)(values, torch.tensor([30, 12]))
    torch.testing.assert_close(values, kept, rtol=0, atol=0)
    assert changed.shape == values.shape
    assert torch.isfinite(changed).all()


def test_the_rate_of_a_warm_up_rises_and_falls_as_that_of_transformers() -> None:
    from transformers import get_linear_schedule_with_warmup

    recipe = ProbeConfig(steps=10, warmup=4)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = get_linear_schedule_with_warmup(optimiser, 4, 10)
    for step in range(10):
        assert loop.learning_rate_factor(recipe, step) == pytest.approx(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert {loop.learning_rate_factor(ProbeConfig(steps=10), step) for step in range(10)} == {1.0}
