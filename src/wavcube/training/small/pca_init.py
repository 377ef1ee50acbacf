"""PCA initialisation: a small model starts as a linear codec that already reconstructs audio.

Waveform losses take long to find the phase from random weights; on a CPU, longer than one has. But a latent with 128
numbers for 320 samples leaves little to find: the principal components of windowed frames, 96 of them, already give
back most of a waveform. So the feature encoder begins as those components (each twice, with both signs, as GELU(x) -
GELU(-x) = x), a part of the channels carries them unchanged through encoder, latent and decoder, and the last layer
begins as the least-squares synthesis from them. The rest of the feature encoder begins as a spectral analysis (four
phases of every frequency, of which GELU leaves the rectified ones). All other channels begin at random and learn as
usual, and once training begins nothing is fixed.

A layer norm divides by the standard deviation of its channels, which would undo the linearity. Two constant channels,
the norm pins (+A and -A), dominate it and make it nearly constant. It also subtracts the mean of its channels;
the random ones begin with weights that sum to zero over them, so that nothing of them leaks into the code. Within the
encoder's layers the pins are small, so that their norms even out the level of speech as usual; the last layer raises
them for the norm that comes after it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from wavcube.codec import SpeechEncoder, WavCube
from wavcube.errors import ConfigError
from wavcube.training.small.pca_codec import FIELD, HOP, PCACodec

NORM_PIN, CONV_NORM_PIN = 40.0, 30.0
"""Size of the norm pins, where the other channels are about 1."""

SOFT_NORM_PIN = 1.0
"""Their size in the norms of the encoder's layers: 20 dB below ordinary speech, a floor under quiet frames."""

LOUDNESS = 2.0
"""Standard deviation of the spectral filters' output before GELU, high enough for it to rectify."""

KEPT_SMALL = 0.1
"""Their size beside the pins of the first norm, and its inverse how much its weights raise them again."""

GELU_BIAS = 4.0
"""GELU(4 + x / 2) is linear to a percent for x above -3."""


@torch.no_grad()
def pca_init_encoder(encoder: SpeechEncoder, code: PCACodec, channels: int) -> None:
    """Let the first `channels` features carry the strongest components of the waveform; the last two are constant.

    Raises:
        ConfigError: the encoder's shape does not allow it.
    """
    config = encoder.config
    width, filters = config.width, config.conv_channels[-1]
    frequencies = (filters - 2 - 2 * channels) // 4
    _require(
        config.conv_kernels == (FIELD,) and config.conv_strides == (HOP,) and config.conv_bias,
        "the feature encoder must be one convolution of kernel 400 and stride 320 with a bias",
    )
    _require(config.conv_norm == "layer" and config.projection_norm, "the feature encoder needs its layer norms")
    _require(not config.normalize_waveform and config.pre_norm, "normalize_waveform must be off and pre_norm on")
    _require(channels <= min(width - 2, FIELD) and frequencies > 0, f"{channels} channels do not fit")

    analysis, std = code.equalised(channels)
    front, projection = encoder.feature_extractor.conv_layers[0], encoder.feature_projection
    conv, norm = front.conv, front.layer_norm
    conv.weight.zero_()
    conv.bias.zero_()
    conv.weight[:channels, 0] = torch.as_tensor(analysis, dtype=conv.weight.dtype)
    conv.weight[channels : 2 * channels] = -conv.weight[:channels]
    bank = slice(2 * channels, 2 * channels + 4 * frequencies)
    spectral = torch.as_tensor(KEPT_SMALL * code.spectral(frequencies), dtype=conv.weight.dtype)
    conv.weight[bank] = torch.stack([spectral, -spectral], 2).reshape(-1, 1, FIELD)
    conv.bias[-2], conv.bias[-1] = CONV_NORM_PIN, -CONV_NORM_PIN
    assert isinstance(norm, nn.LayerNorm)
    raised = CONV_NORM_PIN / KEPT_SMALL
    _pin_norm(norm, CONV_NORM_PIN, keep=raised)
    norm.weight[bank] *= LOUDNESS / KEPT_SMALL
    # GELU leaves one of the two pins, and what it takes from all channels as a part of their mean is given back.
    assert isinstance(projection.layer_norm, nn.LayerNorm)
    projection.layer_norm.weight.fill_(raised / filters**0.5)
    projection.layer_norm.bias.fill_(raised / filters)
    projection.layer_norm.weight[-2:], projection.layer_norm.bias[-2:] = 0.0, 0.0

    linear = projection.projection
    _random(linear, channels, filters**-0.5)
    for k in range(channels):
        gain = std[k] ** -0.5
        linear.weight[k, k], linear.weight[k, channels + k] = gain, -gain
    _constant(linear, SOFT_NORM_PIN)

    carried = carried_channels(width, channels)
    for layer in encoder.encoder.layers:
        _silence(layer.attention.out_proj, carried)
        _silence(layer.feed_forward.output_dense, carried)
    last = encoder.encoder.layers[-1].feed_forward.output_dense
    last.bias[-2], last.bias[-1] = NORM_PIN - SOFT_NORM_PIN, SOFT_NORM_PIN - NORM_PIN
    position = encoder.encoder.pos_conv_embed.conv
    position.parametrizations.weight.original1[carried] = 0.0
    position.bias[carried] = 0.0
    _pin_norm(encoder.encoder.layer_norm, NORM_PIN, keep=1.0)  # nobody needs large constants among the features


@torch.no_grad()
def pca_init_compressor(model: WavCube, channels: int) -> None:
    """Let the compressor hand on what `pca_init_encoder` put into the first `channels` features.

    Args:
        model: with an encoder that carries the code; its compressor is changed.
        channels: the encoder's, or fewer.

    Raises:
        ConfigError: the model's shape does not allow it.
    """
    latent = model.config.bottleneck
    _require(latent.compressor == "transformer", "the compressor must be a transformer")
    first, _, second, norm = model.compressor.projection
    _require(latent.kind == "ae" and latent.pooling == 1, "the latent must be plain and at 50 Hz")
    _require(channels <= min(latent.latent_dim - 2, first.out_features), f"{channels} channels do not fit")
    carried = list(range(channels))
    for layer in model.compressor.layers:
        _silence(layer.attention.out_proj, carried)
        _silence(layer.feed_forward.output_dense, carried)
    _random(first, channels, first.in_features**-0.5)
    _random(second, channels, max(1, first.out_features - channels) ** -0.5)
    second.weight[:, :channels] = 0.0
    first.weight[:, -2:] = 0.0
    for k in range(channels):
        first.weight[k, k], first.bias[k] = 0.5, GELU_BIAS
        second.weight[k, k], second.bias[k] = 2.0, -2.0 * GELU_BIAS
    _constant(second, NORM_PIN)
    _pin_norm(norm, NORM_PIN, keep=1.0)


@torch.no_grad()
def pca_init_decoder(model: WavCube, recordings: Sequence[np.ndarray], channels: int) -> None:
    """Let the decoder speak from the code in the latent's first `channels`.

    Args:
        model: after `pca_init_compressor`; its decoder is changed.
        recordings: speech [S] at 16 kHz, a minute or more, on which the synthesis is fitted.
        channels: as for the compressor.

    Raises:
        ConfigError: the decoder's shape does not allow it.
    """
    decoder = model.config.decoder
    _require(decoder.architecture == "transformer", "the decoder must be a transformer")
    _require(channels <= decoder.width - 2, f"{channels} channels do not fit")
    _require(
        3 * channels + 2 <= decoder.vocoder_input_dim == decoder.vocoder.width,
        f"vocoder_input_dim and vocoder.width must be equal and at least {3 * channels + 2}",
    )
    _require(decoder.vocoder.head == "cartesian", "the vocoder needs a cartesian head")
    _carry_through_decoder(model, channels)
    _fit_synthesis(model, recordings, channels)


def carried_channels(width: int, channels: int) -> list[int]:
    """The channels of a stream of `width` that carry the code or a norm pin."""
    return [*range(channels), width - 2, width - 1]


def freeze_encoder_code(encoder: SpeechEncoder, channels: int) -> None:
    """Stop gradients that would change what carries the code through the encoder (for distillation)."""
    carried = carried_channels(encoder.config.width, channels)
    encoder.feature_extractor.requires_grad_(False)
    encoder.feature_projection.layer_norm.requires_grad_(False)
    transformer = encoder.encoder
    position = transformer.pos_conv_embed.conv
    freeze_rows(encoder.feature_projection.projection, carried)
    freeze_rows(transformer.layer_norm, carried)
    for layer in transformer.layers:
        freeze_rows(layer.attention.out_proj, carried)
        freeze_rows(layer.feed_forward.output_dense, carried)
    for parameter in (position.parametrizations.weight.original1, position.bias):
        _freeze(parameter, carried)


def freeze_compressor_code(model: WavCube, channels: int) -> None:
    """As `freeze_encoder_code`, for the compressor (for stage 1, in which the decoder's loss cannot keep it there)."""
    carried = list(range(channels))
    for layer in model.compressor.layers:
        freeze_rows(layer.attention.out_proj, carried)
        freeze_rows(layer.feed_forward.output_dense, carried)
    first, _, second, norm = model.compressor.projection
    freeze_rows(first, carried)
    freeze_rows(second, [*carried, -2, -1])
    norm.requires_grad_(False)


def freeze_rows(module: nn.Linear | nn.LayerNorm, outputs: Sequence[int]) -> None:
    """Stop gradients of what leads to some outputs of a layer."""
    _freeze(module.weight, outputs)
    _freeze(module.bias, outputs)


def _freeze(parameter: nn.Parameter, rows: Sequence[int]) -> None:
    rows = list(rows)

    def without(gradient: Tensor) -> Tensor:
        gradient = gradient.clone()
        gradient[rows] = 0.0
        return gradient

    parameter.register_hook(without)


def _carry_through_decoder(model: WavCube, channels: int) -> None:
    decoder, vocoder = model.decoder, model.decoder.vocoder
    _random(decoder.input, channels, 0.5 * decoder.input.in_features**-0.5)
    decoder.input.weight[:, -2:] = 0.0
    for k in range(channels):
        decoder.input.weight[k, k] = 1.0
    _constant(decoder.input, NORM_PIN)
    _quiet_layers(decoder.layers, carried_channels(decoder.config.width, channels))
    _pin_norm(decoder.norm, NORM_PIN)

    # Of a frame at 50 Hz come two at 100 Hz: the first holds this frame and the one before, the second this frame.
    conv, norm = decoder.upsampler.conv, decoder.upsampler.norm  # weight [in, out, tap]
    conv.weight.normal_(std=0.3 * conv.in_channels**-0.5)
    conv.bias.zero_()
    conv.weight[:, : 3 * channels] = 0.0
    conv.weight[-2:] = 0.0
    conv.weight[:, 3 * channels : -2] -= conv.weight[:, 3 * channels : -2].mean(1, keepdim=True)
    conv.weight[:, -2:] = 0.0
    for k in range(channels):
        conv.weight[k, k, 0] = conv.weight[k, channels + k, 2] = conv.weight[k, 2 * channels + k, 1] = 1.0
    conv.bias[-2], conv.bias[-1] = NORM_PIN, -NORM_PIN
    norm.weight.fill_(NORM_PIN * (2 / conv.out_channels) ** 0.5)
    norm.bias.zero_()

    vocoder.input.weight.copy_(torch.eye(conv.out_channels))
    _quiet_layers(vocoder.layers, carried_channels(conv.out_channels, 3 * channels))
    _pin_norm(vocoder.norm, NORM_PIN)


def _fit_synthesis(model: WavCube, recordings: Sequence[np.ndarray], channels: int) -> None:
    """Least squares from the vocoder's channels to the windowed segments that its inverse STFT overlaps."""
    decoder, vocoder = model.decoder, model.decoder.vocoder
    n_fft, hop = vocoder.config.n_fft, vocoder.config.hop_length
    before = (n_fft - hop) // 2
    window = torch.hann_window(n_fft, dtype=torch.float64).numpy()
    inputs: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    segments: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    model.eval()
    for recording in recordings:
        waveform = torch.as_tensor(recording, dtype=torch.float32)[None]
        latent = model.compressor(model.encoder(waveform)[0]).latent
        vocoder_input = vocoder.norm(vocoder.input(decoder.upsampler(decoder.transform(decoder.input(latent)))))[0]
        padded = np.concatenate([np.zeros(before), recording, np.zeros(n_fft)])
        pieces = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop][: len(vocoder_input)] * window
        for parity in (0, 1):
            inputs[parity].append(vocoder_input[parity::2].double().numpy())
            segments[parity].append(pieces[parity::2])
    synthesis = np.zeros((vocoder.head.in_features, n_fft))
    for parity, used in ((0, slice(0, 2 * channels)), (1, slice(2 * channels, 3 * channels))):
        given, target = np.concatenate(inputs[parity])[:, used], np.concatenate(segments[parity])
        gram = given.T @ given
        gram += 1e-5 * np.trace(gram) / len(gram) * np.eye(len(gram))
        synthesis[used] = np.linalg.solve(gram, given.T @ target)
    spectra = np.fft.rfft(synthesis, axis=1)
    weight = np.concatenate([spectra.real, spectra.imag], axis=1).T
    vocoder.head.weight.copy_(torch.as_tensor(weight))
    vocoder.head.bias.zero_()


def _quiet_layers(layers: nn.ModuleList, carried: list[int]) -> None:
    for layer in layers:
        _pin_norm(layer.attention_norm, NORM_PIN)
        _pin_norm(layer.feed_forward_norm, NORM_PIN)
        for linear in (layer.attention.output, layer.feed_forward[2]):
            linear.weight.mul_(0.5)
            _silence(linear, carried)


def _pin_norm(norm: nn.LayerNorm, size: float, keep: float = 0.0) -> None:
    """Weights with which a norm whose last two inputs are pins of `size` is near the identity on the others.

    `keep`: size of the pins at its output.
    """
    std = size * (2 / norm.weight.numel()) ** 0.5
    norm.weight.fill_(std)
    norm.bias.zero_()
    norm.weight[-2:] = keep * std / size


def _constant(linear: nn.Linear, size: float) -> None:
    linear.weight[-2:] = 0.0
    linear.bias[-2], linear.bias[-1] = size, -size


def _random(linear: nn.Linear, channels: int, std: float) -> None:
    """Random weights of the outputs from `channels` on; the last two are to be pins."""
    linear.weight.normal_(std=std)
    linear.bias.zero_()
    _silence(linear, carried_channels(linear.out_features, channels))


def _silence(linear: nn.Linear, outputs: list[int]) -> None:
    """Zero weights of some outputs; those of the others sum to zero."""
    others = torch.ones(linear.out_features, dtype=torch.bool)
    others[outputs] = False
    linear.weight[others] -= linear.weight[others].mean(0)
    linear.bias[others] -= linear.bias[others].mean()
    linear.weight[outputs] = 0.0
    linear.bias[outputs] = 0.0


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(f"PCA initialisation: {message}")
