"""Initial weights of a run: a pretrained encoder, another run, or a checkpoint of the run itself."""

import copy
import dataclasses
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from wavcube.codec import EncoderConfig, SpeechEncoder, WavCube, WavCubeConfig
from wavcube.codec.bottleneck import LinearRestorer
from wavcube.codec.checkpoint.folder import model_folder
from wavcube.engine.checkpoints import DISCRIMINATOR
from wavcube.errors import CheckpointError, ConfigError
from wavcube.run_layout import latest_checkpoint
from wavcube.training.config import ModelConfig, TrainConfig
from wavcube.training.small.closed_form import closed_form_init
from wavcube.training.small.pitch_folder import PitchConfig, load_pitch
from wavcube.training.small.training_speech import training_speech

logger = logging.getLogger(__name__)

FEATURES = ("feature_layer", "feature_layers", "feature_mix", "mel_features", "pitch_features")
"""What a recipe chooses of a pretrained encoder as the features."""

DROPOUTS = ("hidden_dropout", "attention_dropout", "activation_dropout")
"""What a recipe may change of a pretrained encoder besides its layers."""


def stage1_model(config: TrainConfig) -> WavCube:
    """A model for stage 1: a pretrained encoder, adapters that begin as copies of its first layers, a new decoder."""
    if config.init_from == "random":
        model = WavCube(model_config(config.model))
    else:
        given = config.model.encoder
        chosen = {key: given[key] for key in FEATURES if key in given}
        encoder = load_encoder(config.init_from, chosen, config.model.pitch)
        model = WavCube(model_config(config.model, encoder))
        model.encoder.load_state_dict(encoder.state_dict())
    model.copy_layers_from_encoder()
    if config.model.closed_form:
        logger.info("closed form: of %.0f s of training speech", config.model.closed_form_seconds)
        shares = closed_form_init(model, training_speech(config), config.model.closed_form)
        logger.info("closed form: %s of the variance", ", ".join(f"{k} {100 * v:.1f} %" for k, v in shares.items()))
    _freeze_closed_form(model, config)
    model.encoder.requires_grad_(False)
    return model


def stage2_model(config: TrainConfig) -> WavCube:
    """A model for stage 2: the one of stage 1 with a frozen copy of its encoder, or one of stage 2 to go on with."""
    folder = checkpoint_folder(config.init_from)
    model = WavCube.from_pretrained(folder)
    if model.restorer is None:
        raise CheckpointError(
            f"{config.init_from}: this model has no restorer, which stage 2 needs; start from a run of stage 1, or "
            "convert the published checkpoint with --keep-training-modules"
        )
    if config.teacher:
        model.teacher = _as_teacher(
            load_encoder(config.teacher, {key: getattr(model.config.encoder, key) for key in FEATURES}), model, config
        )
    elif model.teacher is None:
        # The packaged model comes without a teacher, to be small; its own encoder keeps what it means.
        if model.config.stage != 1 and config.init_from != "packaged":
            raise CheckpointError(
                f"{folder}: is of stage 2 and came without its teacher; name the encoder that anchors it with "
                "`teacher=...`, or start from a run of stage 1"
            )
        model.teacher = copy.deepcopy(model.encoder).requires_grad_(False)
    model.config = dataclasses.replace(model.config, stage=2, teacher=True)
    model.requires_grad_(True)
    model.teacher.requires_grad_(False)
    model = _own_memory(model)
    _freeze_encoder_parts(model, config)
    _freeze_closed_form(model, config)
    return model


def resumed_model(checkpoint: Path, config: TrainConfig) -> WavCube:
    """The model of a run's own checkpoint, with the same parameters frozen as when it began."""
    model = _own_memory(WavCube.from_pretrained(checkpoint))
    _freeze_closed_form(model, config)
    if model.teacher is None:
        model.encoder.requires_grad_(False)
    else:
        _freeze_encoder_parts(model, config)
    return model


def model_config(config: ModelConfig, encoder: SpeechEncoder | None = None) -> WavCubeConfig:
    """The configuration of a stage 1 model; the sizes of a pretrained encoder are its own."""
    values = WavCubeConfig.preset(config.preset).to_dict()
    for part in ("encoder", "bottleneck", "decoder"):
        values[part] = _merged(values[part], getattr(config, part))
    if encoder is not None:
        unknown = sorted(set(config.encoder) - {*DROPOUTS, *FEATURES})
        if unknown:
            raise ConfigError(
                f"model.encoder.{unknown[0]}: a pretrained encoder brings its own sizes; only "
                f"{', '.join((*FEATURES, *DROPOUTS))} can be set"
            )
        values["encoder"] = _merged(encoder.config.__dict__, config.encoder)
    try:
        return WavCubeConfig.from_dict({**values, "stage": 1, "restorer": True, "teacher": False})
    except ConfigError as error:
        raise ConfigError(f"model: {error}") from error


def load_encoder(name: str, features: Mapping[str, Any] | None = None, pitch: str = "") -> SpeechEncoder:
    """The encoder of a WavCube folder or a run of a stage, or of a transformers folder or hub id.

    Args:
        name: of the encoder.
        features: the settings of `FEATURES` that it should have; what is left out has its default.
        pitch: run of the task `pitch`, for an encoder of transformers that should have pitch among its features.
    """
    features = {key: tuple(value) if isinstance(value, list) else value for key, value in (features or {}).items()}
    folder = checkpoint_folder(name)
    if _is_wavcube(folder):
        if pitch:
            raise ConfigError(f"{name}: its encoder is whole; leave out model.pitch")
        encoder = WavCube.from_pretrained(folder).encoder
        numbers = dataclasses.replace(encoder.config, **{key: _default(key) for key in FEATURES} | features)
        if numbers != encoder.config:
            raise CheckpointError(
                f"{name}: its encoder gives layer {_layers(encoder.config)}, not layer {_layers(numbers)}; "
                "start from the transformers folder it was made of"
            )
        return encoder
    source = str(folder) if folder.is_dir() else name
    if not features.get("pitch_features"):
        if pitch:
            raise ConfigError("model.pitch: pitch is not among the features; set model.encoder.pitch_features=true")
        return SpeechEncoder.from_transformers(source, **features)
    if not pitch:
        raise ConfigError(
            f"{name}: has no network that finds the pitch; name a run of `wavcube train pitch` as model.pitch, or "
            "start from a WavCube folder that has one"
        )
    config, network = load_pitch(pitch)
    encoder = SpeechEncoder.from_transformers(source, **{**features, **_sizes(config)})
    if PitchConfig.of(encoder.config) != config:
        raise ConfigError(
            f"{pitch}: was trained on another log-mel than that of {name}; train it with its model.encoder"
        )
    encoder.acoustic_features.pitch.load_state_dict(network.state_dict())
    return encoder


def _sizes(config: PitchConfig) -> dict[str, Any]:
    return {"pitch_width": config.pitch_width, "pitch_layers": config.pitch_layers}


def _default(setting: str) -> Any:
    return getattr(EncoderConfig, setting)


def _layers(config: EncoderConfig) -> str:
    parts = [name.removesuffix("_features") for name in ("mel_features", "pitch_features") if getattr(config, name)]
    layers = list(config.feature_layers) if config.feature_layers else config.feature_layer
    return " + ".join([str(layers), *parts])


def checkpoint_folder(name: str) -> Path:
    """The checkpoint folder that a run's folder, a checkpoint folder itself, or "packaged" stands for."""
    if name == "packaged":
        return model_folder(None)
    folder = Path(name)
    if (folder / "checkpoints").is_dir():
        newest = latest_checkpoint(folder / "checkpoints")
        if newest is None:
            raise CheckpointError(f"{folder}: this run has no checkpoint yet")
        return newest
    return folder


def load_discriminator(discriminator: nn.Module, name: str) -> None:
    """Let discriminators go on from those of the run that a model starts from, where it has any of the same size."""
    path = checkpoint_folder(name) / DISCRIMINATOR
    if not path.is_file():
        logger.warning("%s has no discriminators; new ones start from random weights", name)
        return
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: half-written or damaged ({error}); copy the whole folder") from error
    expected = {key: value.shape for key, value in discriminator.state_dict().items()}
    if {key: value.shape for key, value in weights.items()} != expected:
        logger.warning("%s has discriminators of another size; new ones start from random weights", name)
        return
    discriminator.load_state_dict(weights)


def _freeze_encoder_parts(model: WavCube, config: TrainConfig) -> None:
    """Freeze what stage 2 does not train of the encoder: the network for pitch, whose outcome is a target."""
    model.encoder.feature_extractor.requires_grad_(not config.model.freeze_feature_encoder)
    if model.config.encoder.pitch_features:
        model.encoder.acoustic_features.requires_grad_(False)


def _freeze_closed_form(model: WavCube, config: TrainConfig) -> None:
    """In stage 1, freeze what has been found in closed form."""
    if config.model.closed_form and model.teacher is None:
        model.compressor.requires_grad_(False)
        if isinstance(model.restorer, LinearRestorer):
            model.restorer.requires_grad_(False)


def _as_teacher(teacher: SpeechEncoder, model: WavCube, config: TrainConfig) -> SpeechEncoder:
    copied = copy.deepcopy(model.encoder)
    try:
        copied.load_state_dict(teacher.state_dict())
    except RuntimeError as error:
        raise CheckpointError(f"{config.teacher}: this teacher is of another size than the student") from error
    return copied


def _own_memory(model: WavCube) -> WavCube:
    """Loaded weights are mapped from their file; what trains must not depend on it."""
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()
    return model


def _is_wavcube(folder: Path) -> bool:
    try:
        return str(json.loads((folder / "config.json").read_text()).get("format", "")).startswith("wavcube")
    except (OSError, ValueError, AttributeError):
        return False


def _merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`values` with `changes`, groups within groups merged likewise."""
    merged = dict(values)
    for key, value in changes.items():
        inner = merged.get(key)
        merged[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged
