"""All settings of a training run, as typed dataclasses; recipes set what differs from these values.

The values here are those of stage 1 of the published recipe (arXiv 2605.06407); recipes/wavcube.yaml holds stage 2's.
"""

from dataclasses import dataclass, field
from typing import Any

from wavcube.data.config import DataConfig
from wavcube.engine.config import AdversarialConfig, FitConfig, OptimizerConfig, check_fit, require
from wavcube.errors import ConfigError


@dataclass
class ModelConfig:
    """The model that stage 1 makes; stage 2 and fine-tuning take the model they start from.

    Attributes:
        preset: a named configuration of `WavCubeConfig`.
        pitch: run of the task `pitch` whose network stage 1 takes, where pitch is among the features.
        closed_form: initialise a linear compressor, and a linear restorer, in closed form (small/closed_form.py), with
            this weight of the log-mel beside the last layer's of one (.inf: the log-mel alone); stage 1 then leaves
            both as they are. 0 for random weights.
        closed_form_seconds: of training speech that it is found on; 3,000 s are more than 200 frames a feature.
        freeze_feature_encoder: stage 2 does not train the encoder's convolutions.
        statistics_clips: training crops a device over which the latent's mean and standard deviation are computed, by
            which generators normalise it.
        encoder, bottleneck, decoder: what differs from the preset, by the names of `WavCubeConfig`. The encoder's sizes
            come from the pretrained encoder; of `encoder` only what makes the features and the dropouts are used then.
    """

    preset: str = "full"
    pitch: str = ""
    closed_form: float = 0.0
    closed_form_seconds: float = 3000.0
    freeze_feature_encoder: bool = False
    statistics_clips: int = 200
    encoder: dict[str, Any] = field(default_factory=dict)
    bottleneck: dict[str, Any] = field(default_factory=dict)
    decoder: dict[str, Any] = field(default_factory=dict)


@dataclass
class LossConfig:
    """Weights of the terms. Those that are 0 here are no part of the published recipe.

    Attributes:
        restored: L(R(C(f)), teacher), both stages; L = mean squared error + 1 - mean cosine similarity.
        student: L(student, teacher), stage 2.
        encoder_feature: L(frozen encoder on the decoded waveform, frozen encoder on the recording), both stages.
        mel: L1 of log-mel spectrograms.
        gan: adversarial + feature matching, together.
        feature_matching: feature matching against the adversarial term.
        band: the band discriminators against the period ones.
        kl: of the variational bottlenecks.
        pitch: of source-filter decoders, L1 of log-F0 where the encoder finds speech voiced, and cross-entropy of
            voicing.
        voiced: of source-filter decoders, distance of complex spectra between the recording and what pulses in its
            phase become (small/recording_pulses.py), so that filters learn phase.
        voiced_share: of the crops whose pulses are in the recording's phase then; the others' are the decoder's own.
        latent_noise: largest standard deviation, beside that of each channel, of the noise that half of the latents
            get before they are decoded, so that latents which are not exact decode well.
        envelope: one minus the correlation of envelopes in third-octave bands, as in STOI.
        waveform: L1 of the samples.
        stft_magnitude, stft_complex: distances of short-time spectra at `stft_windows` samples.
    """

    restored: float = 1.0
    student: float = 1.0
    encoder_feature: float = 0.0
    mel: float = 45.0
    gan: float = 1.0
    feature_matching: float = 1.0
    band: float = 1.0
    kl: float = 1e-4
    pitch: float = 1.5
    voiced: float = 0.0
    voiced_share: float = 0.5
    latent_noise: float = 0.0
    envelope: float = 0.0
    waveform: float = 0.0
    stft_magnitude: float = 0.0
    stft_complex: float = 0.0
    stft_windows: list[int] = field(default_factory=lambda: [1024, 512, 256])


@dataclass
class DiscriminatorConfig(AdversarialConfig):
    """Sizes of the discriminators and when they take part; the defaults are the published ones (43M parameters).

    Attributes:
        periods: in samples; none switches the family off.
        period_channels: of their convolutions.
        windows: STFT windows in samples, hop a quarter of each; none switches the family off.
        bands: edges of the bands as shares of half the sampling rate.
        band_channels: of their convolutions.
    """

    adversarial_start_step: int = 5000
    periods: list[int] = field(default_factory=lambda: [2, 3, 5, 7, 11])
    period_channels: list[int] = field(default_factory=lambda: [32, 128, 512, 1024, 1024])
    windows: list[int] = field(default_factory=lambda: [2048, 1024, 512])
    bands: list[float] = field(default_factory=lambda: [0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
    band_channels: int = 32


@dataclass
class LoaderConfig:
    """Crops and batches.

    Attributes:
        crop_seconds: length of a training crop.
        batch_size: crops a device and batch.
        workers: loader processes a device.
        feature_cache: folder that keeps the features of stage 1's frozen encoder by crop (set `data.crop_variants` too,
            so that crops come again); empty for none.
    """

    crop_seconds: float = 10.0
    batch_size: int = 14
    workers: int = 4
    feature_cache: str = ""


@dataclass
class ValidationConfig:
    """What is measured on held-out clips.

    Attributes:
        every: steps from one validation to the next.
        crop_seconds: a clip is measured up to this length.
        batch_size: clips a device and batch.
        clips: at most so many clips, over all devices; 0 for all there are.
        metric_clips: on so many of them STOI and PESQ are computed.
        shown_clips: so many appear in TensorBoard, as audio and spectrograms.
        best_by: the measure whose lowest value marks the best checkpoint.
    """

    every: int = 5000
    crop_seconds: float = 10.0
    batch_size: int = 4
    clips: int = 200
    metric_clips: int = 50
    shown_clips: int = 4
    best_by: str = "mel"


@dataclass
class TrainConfig(FitConfig):
    """A run.

    Attributes:
        task: pitch, stage1 or stage2.
        init_from: what it starts from. Pitch: "random" or a run of it. Stage 1: a speech encoder (a folder of
            transformers, a hub id), a WavCube folder whose encoder to take, or "random". Stage 2: a run of stage 1, a
            WavCube folder, or "packaged".
        teacher: stage 2: the encoder that anchors, given as `init_from` is in stage 1; empty for the teacher (or, where
            there is none, the encoder) of what it starts from.
    """

    task: str = "stage1"
    init_from: str = ""
    teacher: str = ""
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    validation_data: DataConfig = field(default_factory=DataConfig)
    loader: LoaderConfig = field(default_factory=LoaderConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig(steps=500_000, lr=1e-4, betas=[0.8, 0.9], warmup=5000)
    )
    validation: ValidationConfig = field(default_factory=ValidationConfig)


def check_values(config: TrainConfig) -> None:
    """Raise a `ConfigError` that names the first impossible value."""
    check_fit(config)
    losses, loader = config.losses, config.loader
    largest_window = max([1024, *config.discriminator.windows, *losses.stft_windows])
    require(
        (config.init_from != "", "init_from is empty: name the encoder or run to start from (--from)"),
        (0 <= losses.voiced_share <= 1, f"losses.voiced_share is {losses.voiced_share}; give a share from 0 to 1"),
        (config.model.closed_form >= 0, f"model.closed_form is {config.model.closed_form}; it must not be below 0"),
        (config.model.closed_form_seconds > 0, "model.closed_form_seconds must be above 0"),
        (loader.batch_size > 0, f"loader.batch_size is {loader.batch_size}; it must be 1 or more"),
        (config.validation.batch_size > 0, "validation.batch_size must be 1 or more"),
        (
            loader.crop_seconds * 16_000 > largest_window,
            f"loader.crop_seconds is {loader.crop_seconds}; a crop must be longer than the largest window of losses "
            f"and discriminators ({largest_window} samples, {largest_window / 16_000:g} s)",
        ),
        (bool(config.data.sources), "data.sources is empty: say what to train on"),
        (bool(config.validation_data.sources), "validation_data.sources is empty: say what to validate on"),
    )
    for name in ("every", "clips", "metric_clips", "shown_clips"):
        if getattr(config.validation, name) < 0:
            raise ConfigError(f"validation.{name} is below 0")
