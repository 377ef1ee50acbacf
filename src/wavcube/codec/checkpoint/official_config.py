"""The configuration of an official WavCube checkpoint: from the shapes of its tensors, and from its YAML."""

import re
from pathlib import Path
from typing import Any, Literal

import yaml
from torch import Tensor

from wavcube.codec.checkpoint.official_names import STUDENT, TEACHER
from wavcube.codec.config import (
    BottleneckConfig,
    DecoderConfig,
    EncoderConfig,
    VocoderConfig,
    WavCubeConfig,
)
from wavcube.errors import CheckpointError, ConfigError
from wavcube.framing import SAMPLE_RATE

FULL_HEADS = {1024: 16, 256: 16}
"""Attention heads of the published sizes by width; weights do not tell them."""


def read_config(path: str | Path) -> WavCubeConfig | dict[str, Any]:
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


def infer_config(
    state: dict[str, Tensor],
    source: Path,
    stage: Literal[1, 2],
    given: dict[str, Any],
    decoder_heads: int | None,
    vocoder_heads: int | None,
) -> WavCubeConfig:
    """The configuration inferred from the tensors' shapes; `given` or the heads supply what shapes do not determine."""

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
    vocoder_width, vocoder_input = shape("backbone.decoder.vocoder.embeddings.weight")
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
            vocoder_input_dim=vocoder_input,
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
        "hop_length": config.decoder.vocoder.hop_length,
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
