"""The conformer layer of w2v-BERT 2.0 (arXiv 2005.08100), with the names of transformers' checkpoints, on [B, T, H].

Its convolution is causal, so that padding behind an item reaches none of the item's frames; attention has a mask.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec.blocks.grouped_convolution import GroupedConv1d
from wavcube.codec.encoder.feed_forward import FeedForward
from wavcube.codec.encoder_config import EncoderConfig


class RelativeKeyAttention(nn.Module):
    """Bidirectional self-attention whose scores have a part for the distance of query and key (arXiv 1803.02155)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.head_width = config.heads, width // config.heads
        self.back, self.ahead = config.relative_back, config.relative_ahead
        self.dropout = config.attention_dropout
        self.linear_q = nn.Linear(width, width)
        self.linear_k = nn.Linear(width, width)
        self.linear_v = nn.Linear(width, width)
        self.linear_out = nn.Linear(width, width)
        self.distance_embedding = nn.Embedding(self.back + self.ahead + 1, self.head_width)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """[B, T, H] -> [B, T, H]; `mask` [B, T] is true where an item is real."""
        query, key, value = (
            linear(hidden).unflatten(-1, (self.heads, self.head_width)).transpose(1, 2)
            for linear in (self.linear_q, self.linear_k, self.linear_v)
        )
        scores = self._distance_scores(query)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None], -math.inf)
        dropout = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=scores, dropout_p=dropout)
        return self.linear_out(attended.transpose(1, 2).flatten(2))

    def _distance_scores(self, query: Tensor) -> Tensor:
        """What distances add to the scores of queries [B, heads, T, D]: [B, heads, T, T]."""
        place = torch.arange(query.shape[2], device=query.device)
        distance = (place[None] - place[:, None]).clamp(-self.back, self.ahead) + self.back
        of_distance = query @ self.distance_embedding.weight.to(query.dtype).T / math.sqrt(self.head_width)
        return of_distance.gather(-1, distance.expand(*query.shape[:2], -1, -1))


class ConformerConvolution(nn.Module):
    """Gated causal convolution of every channel by itself."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.width
        self.reach = config.conformer_kernel - 1
        self.layer_norm = nn.LayerNorm(width, config.layer_norm_eps)
        self.pointwise_conv1 = nn.Conv1d(width, 2 * width, 1, bias=False)
        self.depthwise_conv = GroupedConv1d(width, width, config.conformer_kernel, groups=width, bias=False)
        self.depthwise_layer_norm = nn.LayerNorm(width, config.layer_norm_eps)
        self.activation = nn.GELU() if config.activation == "gelu" else nn.SiLU()
        self.pointwise_conv2 = nn.Conv1d(width, width, 1, bias=False)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        values = F.glu(self.pointwise_conv1(self.layer_norm(hidden).transpose(1, 2)), dim=1)
        values = self.depthwise_conv(F.pad(values, (self.reach, 0)))
        values = self.activation(self.depthwise_layer_norm(values.transpose(1, 2)))
        return self.dropout(self.pointwise_conv2(values.transpose(1, 2)).transpose(1, 2))


class ConformerLayer(nn.Module):
    """Half a feed-forward part, attention, convolution, and the other half; called as `EncoderLayer` is."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width, eps = config.width, config.layer_norm_eps
        self.ffn1_layer_norm = nn.LayerNorm(width, eps)
        self.ffn1 = FeedForward(config)
        self.self_attn_layer_norm = nn.LayerNorm(width, eps)
        self.self_attn = RelativeKeyAttention(config)
        self.self_attn_dropout = nn.Dropout(config.attention_dropout)
        self.conv_module = ConformerConvolution(config)
        self.ffn2_layer_norm = nn.LayerNorm(width, eps)
        self.ffn2 = FeedForward(config)
        self.final_layer_norm = nn.LayerNorm(width, eps)

    def forward(self, hidden: Tensor, bias: None, mask: Tensor | None) -> Tensor:
        """`bias` is of other families."""
        hidden = hidden + 0.5 * self.ffn1(self.ffn1_layer_norm(hidden))
        hidden = hidden + self.self_attn_dropout(self.self_attn(self.self_attn_layer_norm(hidden), mask))
        hidden = hidden + self.conv_module(hidden)
        return self.final_layer_norm(hidden + 0.5 * self.ffn2(self.ffn2_layer_norm(hidden)))
