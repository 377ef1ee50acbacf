"""All settings of text-to-speech training; recipes set what differs from these values.

The values here are those of F5-TTS on LibriTTS as WavCube's paper compares representations (arXiv 2605.06407).
"""

from dataclasses import dataclass, field
from typing import Any

from wavcube.engine.config import FitConfig, OptimizerConfig, check_fit, require
from wavcube.generation.flow.config import FEW_STEPS
from wavcube.generation.flow.few_steps import FewStepSettings
from wavcube.generation.flow.flow_matching import FlowSettings


@dataclass
class ModelSettings:
    """The model of a new run; a run that starts from a model takes its sizes.

    Attributes:
        preset: base, small, nano or tiny.
        transformer: what differs from the preset, by the names of `TransformerConfig`.
        text_frontend: how text becomes tokens (see `TEXT_FRONTENDS`). A run from a model has its frontend.
        change_text_frontend: of a run from a model: the frontend that it changes to, for another language; empty to
            keep the model's.
        vocabulary: a file with a token a line; empty for the tokens of the training texts. Where a run starts from a
            model, tokens that it lacks are added.
    """

    preset: str = "base"
    transformer: dict[str, Any] = field(default_factory=dict)
    text_frontend: str = "characters"
    change_text_frontend: str = ""
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
class ValidationSettings:
    """The loss on validation data.

    Attributes:
        every: updates from one to the next; 0 for never.
    """

    every: int = 5_000


@dataclass
class SampleSettings:
    """Sentences that are spoken while training goes on, with voices of the validation data.

    Attributes:
        every: updates from one to the next; 0 for never.
        count: how many.
        texts: a file with a sentence a line; empty for texts of the validation data.
        nfe: evaluations of the transformer, for each; while few steps are learnt, those are taken instead.
        prompt_seconds: a prompt is at most so long.
        asr: for their word error rate, such as whisper:FOLDER; empty for none.
        speaker: for their similarity to the prompt, such as resemblyzer; empty for none.
        prosody: whether to measure voicing, pitch and level beside the prompt's.
    """

    every: int = 10_000
    count: int = 8
    texts: str = ""
    nfe: int = 16
    prompt_seconds: float = 6.0
    asr: str = ""
    speaker: str = ""
    prosody: bool = False


def _optimizer() -> OptimizerConfig:
    return OptimizerConfig(
        steps=150_000,
        lr=7.5e-5,
        warmup=20_000,
        schedule="linear",
        clip=1.0,
        ema=0.9999,
        fused=False,
    )


@dataclass
class SpeechTrainConfig(FitConfig):
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
    few_steps: FewStepSettings = field(default_factory=FewStepSettings)
    optimizer: OptimizerConfig = field(default_factory=_optimizer)
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    samples: SampleSettings = field(default_factory=SampleSettings)


def check_settings(config: SpeechTrainConfig) -> None:
    """Raise a `ConfigError` that names the first impossible value."""
    check_fit(config)
    flow = config.flow
    require(
        (bool(config.data.train), "data.train is empty: say what to train on (--set 'data.train=[{path: FILE}]')"),
        (0 < flow.span_low <= flow.span_high <= 1, "flow.span_low and span_high must rise, from above 0 to 1"),
        (0 <= flow.drop_condition <= 1 and 0 <= flow.drop_all <= 1, "flow.drop_* lie from 0 to 1"),
        (config.few_steps.steps in FEW_STEPS, f"few_steps.steps is one of {', '.join(map(str, FEW_STEPS))}"),
        (0 < config.few_steps.share <= 1, "few_steps.share lies above 0, up to 1"),
        (config.few_steps.guidance >= 0, "few_steps.guidance must not be below 0"),
        (config.batches.seconds > 0, f"batches.seconds is {config.batches.seconds}; it must be above 0"),
        (config.batches.utterances > 0, "batches.utterances must be 1 or more"),
        (0 < config.data.min_seconds < config.data.max_seconds, "data.min_seconds must be below data.max_seconds"),
        (config.hardware.strategy != "fsdp", "hardware.strategy is auto or ddp: this model is too small for fsdp"),
        (
            bool(config.data.validation) or not (config.validation.every or config.samples.every),
            "data.validation is empty: say what to validate on, or set validation.every=0 and samples.every=0",
        ),
    )
