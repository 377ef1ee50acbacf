"""Settings under the names that they had in wavcube 0.1, so that its recipes, runs and models load until 0.3.

Each table maps an old dotted name to the new one. Remove the module, and its callers' use of it, with version 0.3.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from wavcube.errors import ConfigError

logger = logging.getLogger(__name__)

Names = Mapping[str, str]
"""Old dotted name -> new dotted name."""

DECODER: Names = {
    "decoder.coarse_dim": "decoder.vocoder_input_dim",
    "decoder.vocoder.window_back": "decoder.vocoder.left_context",
    "decoder.vocoder.window_ahead": "decoder.vocoder.right_context",
    "decoder.vocoder.hop": "decoder.vocoder.hop_length",
}
"""Of a WavCube's config.json."""

TRAINING: Names = {
    "start": "init_from",
    **{f"model.{old}": f"model.{new}" for old, new in DECODER.items()},
    "losses.heard": "losses.encoder_feature",
    "losses.gan_from": "discriminator.adversarial_start_step",
    "losses.discriminator_lead": "discriminator.pretraining_steps",
    "optimizer.freeze_front_end": "model.freeze_feature_encoder",
    "optimizer.discriminator_lr": "discriminator.lr",
    "optimizer.discriminator_warmup": "discriminator.warmup",
    "run.statistics_clips": "model.statistics_clips",
    "validation.judged_clips": "validation.metric_clips",
    "run.stop_after_bad": "run.stop_after_nonfinite",
}
"""Of recipes and run folders of the representation's training."""

TTS: Names = {
    "transformer.placement": "transformer.text_alignment",
    "representation.identity": "representation.fingerprint",
    "front_end": "text_frontend",
    "symbols": "tokens",
}
"""Of a text-to-speech model's config.json."""

TTS_TRAINING: Names = {
    "start": "init_from",
    "model.front_end": "model.text_frontend",
    "model.transformer.placement": "model.transformer.text_alignment",
    "samples.evaluations": "samples.nfe",
    "samples.recogniser": "samples.asr",
    "run.validate_every": "validation.every",
    "run.stop_after_bad": "run.stop_after_nonfinite",
}
"""Of recipes and run folders of text to speech."""

TTS_WEIGHTS: Names = {"deviation": "std", "timing.effects": "duration_predictor.effects"}
"""Tensors of a text-to-speech model."""

COUNTERS: Names = {"bad_steps": "nonfinite_steps", "bad_in_a_row": "nonfinite_in_a_row"}
"""Of a training checkpoint's state.json."""

PROBE_RESULT: Names = {"identity": "fingerprint", "figures": "metrics", "figure": "estimate"}
"""Of the results of probes."""

VALUES: Mapping[str, Names] = {
    "text_alignment": {"start": "prepend", "spread": "uniform", "timed": "duration"},
}
"""Last part of a new name -> old value -> new value."""


def with_new_kind(spec: str) -> str:
    """A representation's specification with the new name of its kind ("stacked:2:logmel")."""
    if not spec.startswith("stacked:"):
        return spec
    new = f"frame_stacking:{spec.removeprefix('stacked:')}"
    logger.warning("representation %s is now %s; wavcube 0.3 will not know the old name", spec, new)
    return new


def with_new_names(values: Mapping[str, Any], names: Names, where: str, *, warn: bool = True) -> dict[str, Any]:
    """Nested `values` with old names replaced; what is not in `names` stays as it is.

    Args:
        values: of one file, as read.
        names: one of the tables of this module.
        where: the file, for messages.
        warn: log one line that gives the new names.

    Raises:
        ConfigError: the old and the new name of one setting are both there.
    """
    result = _copied(values)
    found: list[str] = []
    for old, new in names.items():
        *path, last = old.split(".")
        group = _group(result, path)
        if group is None or last not in group:
            continue
        *new_path, new_last = new.split(".")
        target = _group(result, new_path, make=True)
        if target is None:
            continue  # something else stands there, which whoever reads the settings refuses by name
        if new_last in target:
            raise ConfigError(f"{where}: {old} and {new} are the old and the new name of one setting; keep {new}")
        target[new_last] = group.pop(last)
        found.append(f"{old} is now {new}")
    for new, known in VALUES.items():
        for name in (name for name in names.values() if name.rpartition(".")[2] == new):
            *path, last = name.split(".")
            group = _group(result, path)
            if group is not None and isinstance(value := group.get(last), str) and value in known:
                group[last] = known[value]
                found.append(f"{name}={value} is now {known[value]}")
    if found and warn:
        logger.warning("%s: %s; wavcube 0.3 will not know the old names", where, ", ".join(found))
    return result


def refuse_mixed(given: Iterable[str], names: Names, where: str) -> None:
    """Refuse dotted names among which an old one stands beside its new one.

    Raises:
        ConfigError: naming both.
    """
    known = set(given)
    for old, new in names.items():
        if {old, new} <= known:
            raise ConfigError(f"{where}: {old} and {new} are the old and the new name of one setting; keep {new}")


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def _group(values: dict[str, Any], path: list[str], make: bool = False) -> dict[str, Any] | None:
    """The inner dictionary at `path`; None where there is none, or where it is something else."""
    for name in path:
        if make and values.get(name) is None:
            values[name] = {}
        inner = values.get(name)
        if not isinstance(inner, dict):
            return None
        values = inner
    return values
