"""The published model's algorithm written plainly: what a user of the research code runs, on a CPU in float32.

The speech encoder and the compressor's layers are those of the installed transformers, attention over the vocoder's
window goes through a dense mask, nothing is prepared. Weights are those of a `WavCube`, so that both can be compared;
it need not be of full size, but of WavLM's kind with layer norms, an autoencoder and 50 Hz.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube import WavCube
from wavcube.codec.blocks.attention import Rotary
from wavcube.codec.decoder import DecoderLayer, inverse_stft
from wavcube.codec.encoder import normalize_waveform


class ReferenceEncoder(nn.Module):
    """Waveform [1, S] -> latent [1, T, C] through transformers' WavLM and its layers."""

    def __init__(self, model: WavCube) -> None:
        from transformers import WavLMConfig, WavLMModel
        from transformers.models.wavlm import modeling_wavlm

        super().__init__()
        config = model.config.encoder
        settings = WavLMConfig(
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=config.feed_forward,
            conv_dim=list(config.conv_channels),
            conv_kernel=list(config.conv_kernels),
            conv_stride=list(config.conv_strides),
            conv_bias=config.conv_bias,
            num_conv_pos_embeddings=config.position_kernel,
            num_conv_pos_embedding_groups=config.position_groups,
            num_buckets=config.relative_buckets,
            max_bucket_distance=config.relative_max_distance,
            feat_extract_norm="layer",
            do_stable_layer_norm=True,
        )
        self.normalize = normalize_waveform if config.normalize_waveform else nn.Identity()
        self.wavlm = WavLMModel(settings).eval()
        missing = self.wavlm.load_state_dict(model.encoder.state_dict(), strict=False).missing_keys
        assert set(missing) <= {"masked_spec_embed"}, missing
        layer: Any = modeling_wavlm.WavLMEncoderLayerStableLayerNorm
        self.layers = nn.ModuleList(
            layer(settings, has_relative_position_bias=i == 0) for i in range(model.config.bottleneck.layers)
        ).eval()
        self.layers.load_state_dict(model.compressor.layers.state_dict())
        self.projection = model.compressor.projection

    def forward(self, waveform: Tensor) -> Tensor:
        hidden = self.wavlm(self.normalize(waveform)).last_hidden_state
        bias = None
        for layer in self.layers:
            outputs = layer(hidden, position_bias=bias)
            hidden, bias = outputs[0], outputs[1]
        return self.projection(hidden)


class ReferenceDecoder(nn.Module):
    """Latent [1, T, C] -> waveform [1, 320 T] with a dense mask for the vocoder's window."""

    def __init__(self, model: WavCube) -> None:
        super().__init__()
        self.decoder = model.decoder

    def forward(self, latent: Tensor) -> Tensor:
        decoder = self.decoder
        vocoder, config = decoder.vocoder, decoder.config.vocoder
        vocoder_input = decoder.upsampler(decoder.transform(decoder.input(latent)))
        hidden = vocoder.input(vocoder_input)
        frames = hidden.shape[1]
        offset = torch.arange(frames) - torch.arange(frames)[:, None]
        outside = (offset < -config.left_context) | (offset > config.right_context)
        mask = torch.zeros(frames, frames).masked_fill(outside, -math.inf)

        def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)

        rotary = Rotary(frames, config.width // config.heads, vocoder.rope_theta, hidden.device, hidden.dtype)
        for layer in vocoder.layers:
            assert isinstance(layer, DecoderLayer)
            hidden = layer(hidden, rotary, attend)
        first, second = vocoder.head(vocoder.norm(hidden)).chunk(2, dim=-1)
        if config.head == "cartesian":  # wavcube-nano's
            return inverse_stft(torch.complex(first, second), config.hop_length)
        return inverse_stft(torch.polar(first.exp().clamp_max(100.0), second), config.hop_length)
