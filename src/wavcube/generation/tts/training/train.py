"""The training loop of text to speech. Read it from top to bottom; the habits are those of wavcube.engine.fit.

one process      wavcube train tts --recipe recipes/tts-nano.yaml --out RUN
one node         torchrun --nproc-per-node 8 -m wavcube train tts ...

RUN/config.yaml, sessions.jsonl, metrics.jsonl, tensorboard/, curves.png     as in every run
RUN/checkpoints/step-N/     a model (the average of the weights), and what training goes on from
RUN/samples/step-N/         sentences spoken on the way
RUN/model/                  the outcome, for `TextToSpeech.from_pretrained`
"""

from contextlib import ExitStack
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import nn
from torch.optim import AdamW

from wavcube.engine.checkpoints import (
    Counters,
    TrainerState,
    checkpoint_bytes,
    latest_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from wavcube.engine.ema import WeightAverage
from wavcube.engine.fabric import keep_fewer_activations, make_fabric
from wavcube.engine.fit import any_process, diverged, gradient_norm, set_rate
from wavcube.engine.logger import RunLogger
from wavcube.engine.preemption import SignalHandler
from wavcube.engine.run_dir import begin_session, check_space, settle_config
from wavcube.engine.throughput import ThroughputMeter
from wavcube.errors import ConfigError
from wavcube.generation.flow.feature_codec import load_feature_codec
from wavcube.generation.flow.flow_matching import sample_noise
from wavcube.generation.tts.durations.alignment import align_corpora, token_durations
from wavcube.generation.tts.training.batches import BatchStream
from wavcube.generation.tts.training.config import SpeechTrainConfig
from wavcube.generation.tts.training.dataset import SpeechCorpus, read_corpora
from wavcube.generation.tts.training.recipe import load_settings, read_recipe
from wavcube.generation.tts.training.samples import SampleSpeaker
from wavcube.generation.tts.training.trainable import SpeechTask, starting_model

MAY_CHANGE = ("hardware.", "samples.", "run.", "data.cache", "data.validation", "representation", "init_from")
"""Settings that a resumed run may have other values of (the representation may lie elsewhere, but not be another one);
run.seed is the exception."""


def train_run(
    folder: str | Path,
    *,
    recipe: str | Path | None = None,
    init_from: str = "",
    settings: list[str] | None = None,
    resume: bool = False,
) -> bool:
    """Train in a run folder.

    Args:
        folder: of the run; new or empty, unless `resume`.
        recipe, settings: see `read_recipe`. With `resume` they may be left out: the run knows its own.
        init_from: a model to fine-tune, over the recipe's.
        resume: go on from the newest checkpoint of the run, or begin it if there is none.

    Returns:
        Whether the last step was reached; False after an interruption, which leaves a checkpoint to resume from.

    Raises:
        WavCubeError: what the user can mend.
    """
    folder = Path(folder)
    requested = None
    if recipe is not None or settings or init_from or not resume:
        if recipe is None:
            raise ConfigError("name a recipe with --recipe (or, to go on with a run as it is, only --resume and --out)")
        requested = read_recipe(recipe, [*([f"init_from={init_from!r}"] if init_from else []), *(settings or [])])
    config = settle_config(folder, requested, resume, load=load_settings, may_change=MAY_CHANGE)
    return train(config, folder)


def train(config: SpeechTrainConfig, folder: Path) -> bool:
    """See `train_run`."""
    fabric = make_fabric(config.hardware)
    fabric.launch()
    rates, run = config.optimizer, config.run
    checkpoint = latest_checkpoint(folder / "checkpoints")

    # Speech and its frames, which the first process computes if they are not on the disk yet.
    representation = load_feature_codec(config.representation, fabric.device)
    spoken, held_out = read_corpora(config.data.train), read_corpora(config.data.validation)

    # Networks: all processes begin with the same weights.
    torch.manual_seed(run.seed)
    model = starting_model(config, checkpoint, representation, spoken)
    with fabric.rank_zero_first():
        common = (representation.extractor, model.text_frontend, model.vocabulary, config.data)
        corpus = SpeechCorpus(spoken, *common, show_progress=fabric.is_global_zero)
        validation = SpeechCorpus(held_out, *common, show_progress=fabric.is_global_zero) if held_out else None
        if model.duration_predictor is not None:
            both = [corpus, validation] if validation is not None else [corpus]
            align_corpora(both, model.vocabulary, config.data.cache, fabric.is_global_zero)
    if checkpoint is None and not config.init_from:
        mean, std = corpus.statistics()
        model.mean.copy_(mean)
        model.std.copy_(std)
        if model.duration_predictor is not None:
            model.duration_predictor.fit(map(token_durations, corpus.examples))
    task = SpeechTask(model, config)
    if config.hardware.checkpoint_activations:
        keep_fewer_activations(task.networks)
    if config.hardware.compile:
        task.networks.compile(dynamic=True)
    task.to(fabric.device)
    networks = fabric.setup_module(task.networks).train()
    trained = list(task.networks.parameters())
    optimizer = AdamW(trained, lr=rates.lr, betas=(rates.betas[0], rates.betas[1]), weight_decay=rates.weight_decay)
    average = WeightAverage(task.networks, rates.ema) if rates.ema else None

    # Batches, and everything that can go wrong before hours are lost.
    frames = round(config.batches.seconds * representation.extractor.frame_rate)
    stream = BatchStream(corpus, frames, config.batches.utterances, run.seed, fabric.global_rank, fabric.world_size)
    samples = None
    if config.samples.every and fabric.is_global_zero:
        samples = SampleSpeaker(task.networks.model, representation, held_out, config.samples)
    state = TrainerState(task, optimizer, None, average, stream, Counters())  # type: ignore[arg-type]
    if fabric.is_global_zero:
        facts = {"processes": fabric.world_size, "device": str(fabric.device), "corpus": corpus.summary()}
        begin_session(folder, config, facts)
        check_space(folder, checkpoint_bytes(state), run.keep)

    # Where to begin. Noise, spans and dropout differ between processes.
    torch.manual_seed(run.seed * 10_007 + 1 + fabric.global_rank)
    if checkpoint is not None:
        load_checkpoint(fabric, checkpoint, state)
    counters = state.counters
    run_logger = RunLogger(folder, counters.step, rates.steps, active=fabric.is_global_zero)
    meter = ThroughputMeter(fabric, stream.mean_seconds)

    def validate() -> None:
        """What the average of the weights has learnt, where it is time to measure it."""
        step, ended = counters.step, counters.step == rates.steps
        loss_due = validation is not None and run.validate_every and (ended or step % run.validate_every == 0)
        samples_due = config.samples.every and (ended or step % config.samples.every == 0)
        if not (loss_due or samples_due):
            return
        with ExitStack() as stack:
            if average is not None:
                stack.enter_context(average.in_networks())
            stack.enter_context(torch.random.fork_rng([fabric.device] if fabric.device.type == "cuda" else []))
            if loss_due and validation is not None:
                run_logger.scalars(step, {"validation/loss": held_out_loss(fabric, networks, task, validation)})
            if samples_due and samples is not None:
                measured = samples.speak(folder / "samples" / f"step-{step:08d}")
                run_logger.scalars(step, {f"samples/{name}": value for name, value in measured.items()})
                found = ", ".join(f"{name} {value:.4g}" for name, value in measured.items())
                run_logger.message(f"step {step}: samples spoken" + (f", {found}" if found else ""))
        networks.train()
        fabric.barrier()

    with run_logger, SignalHandler() as signals:
        run_logger.message(f"training on {corpus.summary()}")
        while counters.step < rates.steps:
            step = counters.step
            set_rate(optimizer, rates.lr * linear_factor(step, rates.warmup, rates.steps))

            # Gradients of one update, over as many batches as it takes.
            for part in range(rates.accumulate):
                with meter.waiting():
                    batch = next(stream).to(fabric.device)
                with fabric.no_backward_sync(networks, enabled=part < rates.accumulate - 1):
                    loss = networks(**task.inputs(batch))
                    fabric.backward(loss / rates.accumulate)
                meter.add({"loss": loss.detach()})

            # The update, unless a gradient is not finite. The norm is of all processes, so all decide alike.
            norm = gradient_norm(trained, rates.clip)
            finite = bool(torch.isfinite(norm))
            if finite:
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if not finite:
                counters.nonfinite_steps += 1
                counters.nonfinite_in_a_row += 1
                meter.forget()
                if counters.nonfinite_in_a_row >= run.stop_after_nonfinite:
                    raise diverged(counters, folder)
                continue
            if average is not None:
                average.update()
            counters.step, counters.nonfinite_in_a_row = step + 1, 0
            meter.add({"gradient/norm": norm})

            # Logs, validation, samples, checkpoint.
            run_logger.advance(counters.step)
            ended = counters.step == rates.steps
            stopped = any_process(fabric, signals.stop_requested)
            if counters.step % run.log_every == 0 or ended:
                rate = optimizer.param_groups[0]["lr"]
                run_logger.scalars(counters.step, *meter.report(rate, counters.nonfinite_steps, 0))
            if not stopped:
                validate()
            if ended or stopped or counters.step % run.save_every == 0:
                save_checkpoint(fabric, folder / "checkpoints", state, None, keep=run.keep, best=None)
                run_logger.plot_curves()
                meter.restart()
            if stopped and not ended:
                run_logger.message(f"stopped at step {counters.step}; its checkpoint is written, go on with --resume")
                return False
        if fabric.is_global_zero:
            newest = latest_checkpoint(folder / "checkpoints")
            assert newest is not None
            task.export(newest, folder / "model")
    fabric.barrier()
    return True


def linear_factor(step: int, warmup: int, steps: int) -> float:
    """Share of the peak learning rate for update number `step` (from 0): up to 1 over `warmup` updates, then down to
    0 at update `steps`, both in a straight line, and never below 1e-8 (as in F5-TTS)."""
    if step < warmup:
        return max(1e-8, step / warmup)
    return max(1e-8, (steps - step) / (steps - warmup))


@torch.no_grad()
def held_out_loss(fabric: Fabric, networks: nn.Module, task: SpeechTask, corpus: SpeechCorpus) -> float:
    """Mean over batches of held-out utterances, with the same noise and spans every time; all processes alike."""
    networks.eval()
    generator = torch.Generator(fabric.device).manual_seed(0)
    order = sorted(range(len(corpus)), key=lambda i: corpus.lengths[i])
    losses = []
    for start in range(0, len(order), 16):
        batch = corpus.batch(order[start : start + 16]).to(fabric.device)
        noise_sample = sample_noise(batch.values, batch.lengths, task.networks.settings, generator)
        losses.append(networks(**task.inputs(batch), noise_sample=noise_sample).float())
    return float(torch.stack(losses).mean())
