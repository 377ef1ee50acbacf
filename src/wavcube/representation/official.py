"""Official WavCube checkpoints (Lightning .ckpt) -> our checkpoint folder: the only place that reads a pickle.

It is read with `weights_only=True`; foreign objects in it become inert placeholders, so nothing in the file is run.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from torch import Tensor

from wavcube.errors import CheckpointError, ConfigError
from wavcube.representation.checkpoint import check_tensors, fingerprint, write_checkpoint
from wavcube.representation.config import (
    SAMPLE_RATE,
    BottleneckConfig,
    DecoderConfig,
    EncoderConfig,
    VocoderConfig,
    WavCubeConfig,
)
from wavcube.representation.skeleton import skeleton

PREFIXES = (
    ("feature_extractor.enc_transformer.", "compressor.layers."),
    ("feature_extractor.enc_projection.", "compressor.projection."),
    ("feature_extractor.fc_mu.", "compressor.mean."),
    ("feature_extractor.fc_var.", "compressor.log_variance."),
    ("feature_extractor.dec_projection.", "restorer.projection."),
    ("feature_extractor.dec_transformer.", "restorer.layers."),
    ("feature_extractor.post_wavlm_layer_norm.", "encoder.feature_norm."),
    ("backbone.upsample_proj.", "decoder.input."),
    ("backbone.decoder.dconv1.", "decoder.latent_upsampler."),
    ("backbone.decoder.dconv2.", "decoder.upsampler."),
    ("backbone.decoder.layers.", "decoder.layers."),
    ("backbone.decoder.layer_norm.", "decoder.norm."),
    ("backbone.decoder.vocoder.embeddings.", "decoder.vocoder.input."),
    ("backbone.decoder.vocoder.layers.", "decoder.vocoder.layers."),
    ("backbone.decoder.vocoder.layer_norm.", "decoder.vocoder.norm."),
    ("backbone.decoder.vocoder.head.out.", "decoder.vocoder.head."),
)
"""Official name -> ours, for everything but the two encoders, whose names depend on the stage."""

DECODER_LAYER = (
    ("self_attn.q_proj.", "attention.query."),
    ("self_attn.k_proj.", "attention.key."),
    ("self_attn.v_proj.", "attention.value."),
    ("self_attn.out_proj.", "attention.output."),
    ("self_attn_layer_norm.", "attention_norm."),
    ("final_layer_norm.", "feed_forward_norm."),
    ("fc1.", "feed_forward.0."),
    ("fc2.", "feed_forward.2."),
)
"""Inside the layers of the acoustic decoder and the vocoder."""

TEACHER, STUDENT = "feature_extractor.model.", "feature_extractor.rep_model."
MODEL_PREFIXES = ("feature_extractor.", "backbone.")
"""Everything else in a checkpoint is discriminators, metric networks and the trainer's state."""

UNUSED = re.compile(r"masked_spec_embed$|\.istft\.window$")
"""Of the model, but without effect on any output: SpecAugment's embedding (never applied), a constant window."""

FULL_HEADS = {1024: 16, 256: 16}
"""Attention heads of the published sizes by width; weights do not tell them."""


@dataclass(frozen=True)
class Conversion:
    """What a conversion found: the configuration, tensors kept, and tensors left behind by their first name part."""

    config: WavCubeConfig
    kept: int
    dropped: dict[str, int]


def convert_official(
    source: str | Path,
    target: str | Path,
    *,
    config: str | Path | None = None,
    stage: Literal[1, 2] | None = None,
    decoder_heads: int | None = None,
    vocoder_heads: int | None = None,
    training_form: bool = False,
    dtype: torch.dtype | None = None,
    max_shard_size: str = "5GB",
) -> Conversion:
    """Turn an official checkpoint of stage 1 or 2, of any size, into a folder that `WavCube.from_pretrained` loads.

    Sizes come from the weights. What those do not tell (attention heads of the decoder, the encoder's layer) comes
    from `config`, the heads given, or, at the published widths, the published values.

    Args:
        source: Lightning checkpoint, or a file with a bare state dict.
        target: folder to write.
        config: an official YAML or a wavcube config.json.
        stage: refuse a checkpoint of the other stage; None takes what it is.
        decoder_heads, vocoder_heads: attention heads of the acoustic decoder.
        training_form: keep the restorer, and for stage 2 the teacher, so that training can go on.
        dtype: of the written file; None keeps that of the source.

    Raises:
        CheckpointError: not such a checkpoint, of another stage, or tensors missing, unknown or of a wrong size.
        ConfigError: the configuration contradicts the weights, or heads are not known.
    """
    source = Path(source)
    with _opened(source) as state:
        return _convert(
            state,
            source,
            Path(target),
            config,
            stage,
            decoder_heads,
            vocoder_heads,
            training_form,
            dtype,
            max_shard_size,
        )


def _convert(
    state: dict[str, Tensor],
    source: Path,
    target: Path,
    config_path: str | Path | None,
    stage: int | None,
    decoder_heads: int | None,
    vocoder_heads: int | None,
    training_form: bool,
    dtype: torch.dtype | None,
    max_shard_size: str,
) -> Conversion:
    found: Literal[1, 2] = 2 if any(key.startswith(STUDENT) for key in state) else 1
    if stage is not None and stage != found:
        raise CheckpointError(f"{source}: is a checkpoint of stage {found}, not of stage {stage}")
    given = _read_config(config_path) if config_path is not None else {}
    if isinstance(given, WavCubeConfig):
        if given.stage != found:
            raise ConfigError(f"{config_path}: is of stage {given.stage}, the weights of {source} of stage {found}")
        config = given
    else:
        config = _infer_config(state, source, found, given, decoder_heads, vocoder_heads)
    config = replace(config, restorer=training_form, teacher=training_form and found == 2)
    names = {key: _our_name(key, found) for key in state if key.startswith(MODEL_PREFIXES)}
    unknown = [key for key, name in names.items() if name is None and not UNUSED.search(key)]
    if unknown:
        raise CheckpointError(f"{source}: {len(unknown)} tensors of no known part, among them {', '.join(unknown[:3])}")
    wanted = _expected(config)
    parts = {name.split(".")[0] for name in wanted}
    optional = ("encoder.feature_norm.", "teacher.feature_norm.", "decoder.latent_upsampler.")
    tensors, dropped = {}, _count_foreign(state)
    for key, name in names.items():
        if name is None or name.split(".")[0] not in parts or (name.startswith(optional) and name not in wanted):
            part = ".".join(key.split(".")[:2])
            dropped[part] = dropped.get(part, 0) + 1
        else:
            # The input projection is stored as a convolution of width one.
            tensors[name] = state[key].squeeze(-1) if name == "decoder.input.weight" else state[key]
    if config.encoder.feature_layer != -1 and "teacher.feature_norm.weight" in wanted:
        # Both encoders share the one norm of a chosen layer.
        for leaf in ("weight", "bias"):
            tensors[f"teacher.feature_norm.{leaf}"] = tensors[f"encoder.feature_norm.{leaf}"].clone()
    tensors = _without_upper_layers(tensors, config)
    check_tensors(tensors, wanted, str(source))
    write_checkpoint(target, config, tensors, fingerprint(tensors), dtype=dtype, max_shard_size=max_shard_size)
    return Conversion(config, len(tensors), dropped)


# Reading


class _Placeholder:
    """Stands for any foreign object of a pickle (a logger, a path, a namespace): takes everything, does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


@contextmanager
def _opened(source: Path) -> Iterator[dict[str, Tensor]]:
    """The tensors of a checkpoint, mapped from the file."""
    if not source.is_file():
        raise CheckpointError(f"{source}: no such file; name the .ckpt file itself")
    try:
        foreign = torch.serialization.get_unsafe_globals_in_checkpoint(source)
    except Exception:  # of any kind, from damaged bytes
        foreign = []  # else an older file format, which loads without foreign objects or not at all
    stubs: list[Any] = [(type("Placeholder", (_Placeholder,), {}), name) for name in foreign]
    try:
        with torch.serialization.safe_globals(stubs):
            try:
                content = torch.load(source, map_location="cpu", weights_only=True, mmap=True)
            except RuntimeError as error:
                if "mmap" not in str(error):
                    raise
                content = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make an unpickler fail in any way
        reason = str(error).strip().split("\n")[0]
        raise CheckpointError(
            f"{source}: not a checkpoint that can be read safely; it is damaged, half-written, or holds more than "
            f"weights ({reason})"
        ) from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not any(str(key).startswith(MODEL_PREFIXES) for key in state):
        raise CheckpointError(
            f"{source}: no WavCube checkpoint; it has no tensors named feature_extractor.* or backbone.*"
        )
    yield {str(key): value for key, value in state.items() if isinstance(value, Tensor)}


def _read_config(path: str | Path) -> WavCubeConfig | dict[str, Any]:
    """A wavcube configuration, or the settings of an official YAML: `init_args` of both parts in one dictionary."""
    path = Path(path)
    if path.suffix == ".json":
        return WavCubeConfig.load(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        model = content["model"]["init_args"]
        return {**model["feature_extractor"]["init_args"], **model["backbone"]["init_args"]}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: no official configuration; model.init_args.feature_extractor and .backbone are missing ({error})"
        ) from error


# Names


def _our_name(key: str, stage: int) -> str | None:
    """Our name of an official tensor; None when it has no place in our model."""
    if UNUSED.search(key):
        return None
    key = key.replace("conv.weight_g", "conv.parametrizations.weight.original0")
    key = key.replace("conv.weight_v", "conv.parametrizations.weight.original1")
    if key.startswith(STUDENT):
        return "encoder." + key.removeprefix(STUDENT)
    if key.startswith(TEACHER):
        return ("teacher." if stage == 2 else "encoder.") + key.removeprefix(TEACHER)
    for official, ours in PREFIXES:
        if key.startswith(official):
            name = ours + key.removeprefix(official)
            if ".layers." in official:
                for part, replacement in DECODER_LAYER:
                    name = name.replace(part, replacement)
            return name
    return None


def _count_foreign(state: dict[str, Tensor]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for key in state:
        if not key.startswith(MODEL_PREFIXES):
            part = key.split(".")[0]
            counts[part] = counts.get(part, 0) + 1
    return counts


def _expected(config: WavCubeConfig) -> dict[str, Tensor]:
    from wavcube.representation.model import WavCube

    with skeleton():
        return WavCube(config).state_dict()


def _without_upper_layers(tensors: dict[str, Tensor], config: WavCubeConfig) -> dict[str, Tensor]:
    """Leave out encoder layers above a chosen one, and the final norm that only the last one needs."""
    if config.encoder.last_layer:
        return tensors
    upper = re.compile(r"^(encoder|teacher)\.encoder\.layers\.(\d+)\.")
    return {
        name: value
        for name, value in tensors.items()
        if not ((match := upper.match(name)) and int(match[2]) >= config.encoder.feature_layer)
    }


# Sizes


def _infer_config(
    state: dict[str, Tensor],
    source: Path,
    stage: Literal[1, 2],
    given: dict[str, Any],
    decoder_heads: int | None,
    vocoder_heads: int | None,
) -> WavCubeConfig:
    """The configuration that the tensors' shapes tell, with what they do not from `given` or the heads."""

    def shape(key: str) -> list[int]:
        if key not in state:
            raise CheckpointError(f"{source}: {key} is missing")
        return list(state[key].shape)

    def layers(prefix: str) -> int:
        pattern = re.compile(re.escape(prefix) + r"\.(\d+)\.")
        return max((int(match[1]) + 1 for key in state if (match := pattern.match(key))), default=0)

    prefix = STUDENT if stage == 2 else TEACHER
    width = shape(f"{prefix}feature_projection.projection.weight")[0]
    convolutions = layers(f"{prefix}feature_extractor.conv_layers")
    conv = [shape(f"{prefix}feature_extractor.conv_layers.{i}.conv.weight") for i in range(convolutions)]
    layer_normed = f"{prefix}feature_extractor.conv_layers.1.layer_norm.weight" in state
    first = f"{prefix}encoder.layers.0."
    direction = next(
        (
            key
            for key in state
            if re.match(re.escape(prefix) + r"encoder\.pos_conv_embed\.conv\..*(original1|_v)$", key)
        ),
        f"{prefix}encoder.pos_conv_embed.conv.parametrizations.weight.original1",
    )
    buckets, encoder_heads = shape(f"{first}attention.rel_attn_embed.weight")
    encoder_layers = layers(f"{prefix}encoder.layers")
    teacher_layers = layers(f"{TEACHER}encoder.layers") or encoder_layers
    if encoder_layers != teacher_layers:
        raise CheckpointError(f"{source}: the student has {encoder_layers} layers and the teacher {teacher_layers}")
    encoder = EncoderConfig(
        width=width,
        layers=encoder_layers,
        heads=encoder_heads,
        feed_forward=shape(f"{first}feed_forward.intermediate_dense.weight")[0],
        pre_norm=layer_normed,  # WavLM's sizes have either both or neither
        normalize_waveform=layer_normed,
        conv_channels=tuple(size[0] for size in conv),
        conv_kernels=tuple(size[2] for size in conv),
        conv_bias=f"{prefix}feature_extractor.conv_layers.0.conv.bias" in state,
        conv_norm="layer" if layer_normed else "group",
        position_kernel=shape(direction)[2],
        position_groups=width // shape(direction)[1],
        relative_buckets=buckets,
        feature_layer=_feature_layer(given, encoder_layers),
    )
    decoder_width, latent_dim, _ = shape("backbone.upsample_proj.weight")
    vocoder_width, coarse = shape("backbone.decoder.vocoder.embeddings.weight")
    mean, variance = (f"feature_extractor.{name}.weight" in state for name in ("fc_mu", "fc_var"))
    config = WavCubeConfig(
        encoder=encoder,
        bottleneck=BottleneckConfig(
            kind="vae" if variance else "sigma-vae" if mean else "ae",
            latent_dim=latent_dim,
            layers=layers("feature_extractor.enc_transformer"),
        ),
        decoder=DecoderConfig(
            width=decoder_width,
            layers=layers("backbone.decoder.layers"),
            heads=decoder_heads or _heads(given, decoder_width, "decoder"),
            feed_forward=shape("backbone.decoder.layers.0.fc1.weight")[0],
            coarse_dim=coarse,
            vocoder=VocoderConfig(
                width=vocoder_width,
                layers=layers("backbone.decoder.vocoder.layers"),
                heads=vocoder_heads or _heads(given, vocoder_width, "vocoder"),
                feed_forward=shape("backbone.decoder.vocoder.layers.0.fc1.weight")[0],
                n_fft=shape("backbone.decoder.vocoder.head.out.weight")[0] - 2,
            ),
        ),
        stage=stage,
    )
    _compare(given, config, source)
    return config


def _integer(given: dict[str, Any], key: str) -> int:
    if type(given[key]) is not int:
        raise ConfigError(f"the configuration says {key}: {given[key]!r}, which is no whole number")
    return given[key]


def _heads(given: dict[str, Any], width: int, part: str) -> int:
    key = f"{part}_attention_heads"
    if key in given:
        return _integer(given, key)
    if width not in FULL_HEADS:
        raise ConfigError(
            f"a {part} of width {width} is of no published size and weights do not tell its attention heads: give "
            f"--{part}-heads, or the model's configuration with --config"
        )
    return FULL_HEADS[width]


def _feature_layer(given: dict[str, Any], layers: int) -> int:
    """Ours for an official `layer_idx`, an index into the inputs of all layers and the last one's normed output."""
    index = _integer(given, "layer_idx") if "layer_idx" in given else -1
    layer = index if index >= 0 else layers + 1 + index
    if not 1 <= layer <= layers:
        raise ConfigError(f"the configuration says layer_idx: {index}, which is none of the encoder's {layers} layers")
    return -1 if layer == layers else layer


def _compare(given: dict[str, Any], config: WavCubeConfig, source: Path) -> None:
    """Refuse an official configuration that contradicts the weights."""
    told = {
        "latent_dim": config.bottleneck.latent_dim,
        "d_model": config.decoder.width,
        "decoder_layers": config.decoder.layers,
        "decoder_ffn_dim": config.decoder.feed_forward,
        "nfft": config.decoder.vocoder.n_fft,
        "hop_length": config.decoder.vocoder.hop,
        "vocoder_dim": config.decoder.vocoder.width,
        "vocoder_num_layers": config.decoder.vocoder.layers,
        "vocoder_intermediate_dim": config.decoder.vocoder.feed_forward,
        "sampling_rate": SAMPLE_RATE,
        "stage": config.stage,
        "use_vae": config.bottleneck.kind == "vae",
    }
    for key, value in told.items():
        if key in given and given[key] != value:
            raise ConfigError(f"{source}: the configuration says {key}: {given[key]}, the weights say {value}")
