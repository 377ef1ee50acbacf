"""All settings of text-to-speech training; recipes set what differs from these values.

The values here are those of F5-TTS on LibriTTS as WavCube's paper compares representations (arXiv 2605.06407).
"""

from dataclasses import dataclass, field
from typing import Any

from wavcube.errors import ConfigError
from wavcube.generation.flow.flow_matching import FlowSettings
from wavcube.training.config import HardwareConfig


@dataclass
class ModelSettings:
    """The model of a new run; a run that starts from a model takes its sizes.

    Attributes:
        preset: base, small, nano or tiny.
        transformer: what differs from the preset, by the names of `TransformerConfig`.
        text_frontend: how text becomes tokens (see `TEXT_FRONTENDS`). A run from a model has its frontend.
        vocabulary: a file with a token a line; empty for the tokens of the training texts. Where a run starts from a
            model, tokens that it lacks are added.
    """

    preset: str = "base"
    transformer: dict[str, Any] = field(default_factory=dict)
    text_frontend: str = "characters"
    vocabulary: str = ""


@dataclass
class CorpusSettings:
    """Transcribed speech.

    Attributes:
        path: a manifest (.tsv, .csv, .jsonl) with columns path and transcript (or text), as `wavcube prepare` writes
            it, or a folder in LibriSpeech's layout.
        where: keep only the rows with these values, alternatives separated by `|` (`{split: train, sex: F|M}`).
        limit: only the first so many utterances; 0 for all.
    """

    path: str = ""
    where: dict[str, str] = field(default_factory=dict)
    limit: int = 0


@dataclass
class DataSettings:
    """Speech to learn from and to be measured on.

    Attributes:
        train, validation: corpora.
        cache: folder that keeps frames on disk, computed once.
        min_seconds, max_seconds: others are left out.
    """

    train: list[CorpusSettings] = field(default_factory=list)
    validation: list[CorpusSettings] = field(default_factory=list)
    cache: str = "cache"
    min_seconds: float = 0.4
    max_seconds: float = 30.0


@dataclass
class BatchSettings:
    """Batches of utterances of like length.

    Attributes:
        seconds: of speech in a batch of one device, padding included: 410 s are 20,480 frames at 50 Hz.
        utterances: at most so many.
    """

    seconds: float = 409.6
    utterances: int = 64


@dataclass
class OptimizerSettings:
    """AdamW, linear warm-up and linear decay.

    Attributes:
        steps: updates in all.
        lr: peak.
        warmup: updates up to it; after them the rate falls to 0 at `steps`.
        clip: gradients are scaled down to this norm; 0 for not at all.
        accumulate: batches to one update.
        ema: decay of the average of the weights, which speaks and is exported; 0 for none.
    """

    steps: int = 150_000
    lr: float = 7.5e-5
    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])
    weight_decay: float = 0.01
    warmup: int = 20_000
    clip: float = 1.0
    accumulate: int = 1
    ema: float = 0.9999


@dataclass
class SampleSettings:
    """Sentences that are spoken while training goes on, with voices of the validation data.

    Attributes:
        every: updates from one to the next; 0 for never.
        count: how many.
        texts: a file with a sentence a line; empty for texts of the validation data.
        nfe: evaluations of the transformer, for each.
        prompt_seconds: a prompt is at most so long.
        asr: for their word error rate, such as whisper:FOLDER; empty for none.
        speaker: for their similarity to the prompt, such as resemblyzer; empty for none.
    """

    every: int = 10_000
    count: int = 8
    texts: str = ""
    nfe: int = 16
    prompt_seconds: float = 6.0
    asr: str = ""
    speaker: str = ""


@dataclass
class RunSettings:
    """Logs, checkpoints and guards.

    Attributes:
        seed: of weights, dropout and data order.
        log_every, save_every: updates.
        keep: so many of the newest checkpoints stay.
        validate_every: updates from one loss on validation data to the next; 0 for never.
        stop_after_nonfinite: so many updates in a row without finite gradients end the run.
    """

    seed: int = 0
    log_every: int = 50
    save_every: int = 5_000
    keep: int = 3
    validate_every: int = 5_000
    stop_after_nonfinite: int = 20


@dataclass
class SpeechTrainConfig:
    """A run.

    Attributes:
        representation: what is generated, as `build_feature_extractor` takes it.
        init_from: a text-to-speech model to fine-tune (its folder or its run's); empty for random weights.
    """

    representation: str = "wavcube"
    init_from: str = ""
    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    batches: BatchSettings = field(default_factory=BatchSettings)
    flow: FlowSettings = field(default_factory=FlowSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    samples: SampleSettings = field(default_factory=SampleSettings)
    run: RunSettings = field(default_factory=RunSettings)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)


def check_settings(config: SpeechTrainConfig) -> None:
    """Raise a `ConfigError` that names the first impossible value."""
    optimizer, flow = config.optimizer, config.flow
    for condition, message in (
        (bool(config.data.train), "data.train is empty: say what to train on (--set 'data.train=[{path: FILE}]')"),
        (optimizer.steps > 0, f"optimizer.steps is {optimizer.steps}; it must be above 0"),
        (
            0 <= optimizer.warmup < optimizer.steps,
            f"optimizer.warmup ({optimizer.warmup}) must be below optimizer.steps ({optimizer.steps})",
        ),
        (optimizer.lr > 0, f"optimizer.lr is {optimizer.lr}; it must be above 0"),
        (len(optimizer.betas) == 2, "optimizer.betas takes two values"),
        (optimizer.accumulate > 0, f"optimizer.accumulate is {optimizer.accumulate}; it must be 1 or more"),
        (0 <= optimizer.ema < 1, f"optimizer.ema is {optimizer.ema}; it lies from 0 to below 1"),
        (0 < flow.span_low <= flow.span_high <= 1, "flow.span_low and span_high must rise, from above 0 to 1"),
        (0 <= flow.drop_condition <= 1 and 0 <= flow.drop_all <= 1, "flow.drop_* lie from 0 to 1"),
        (config.batches.seconds > 0, f"batches.seconds is {config.batches.seconds}; it must be above 0"),
        (config.batches.utterances > 0, "batches.utterances must be 1 or more"),
        (0 < config.data.min_seconds < config.data.max_seconds, "data.min_seconds must be below data.max_seconds"),
        (config.hardware.precision in ("float32", "bf16"), "hardware.precision is float32 or bf16"),
        (config.hardware.strategy in ("auto", "ddp"), "hardware.strategy is auto or ddp"),
    ):
        if not condition:
            raise ConfigError(message)
    for name in ("log_every", "save_every", "keep", "stop_after_nonfinite"):
        if getattr(config.run, name) < 1:
            raise ConfigError(f"run.{name} is {getattr(config.run, name)}; it must be 1 or more")
    if (config.run.validate_every or config.samples.every) and not config.data.validation:
        raise ConfigError(
            "data.validation is empty: say what to validate on, or set run.validate_every=0 and samples.every=0"
        )
