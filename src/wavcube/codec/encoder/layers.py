"""Layers of the encoder's kind, on [B, T, H]; the compressor and the restorer are made of them too."""

from torch import Tensor, nn

from wavcube.codec.blocks.attention import RelativePositionBias, SelfAttention
from wavcube.codec.encoder.conformer import ConformerLayer
from wavcube.codec.encoder.feed_forward import FeedForward
from wavcube.codec.encoder_config import EncoderConfig


class EncoderLayer(nn.Module):
    """A transformer layer of the encoder's kind; the compressor and the restorer are made of them too.

    `owns_bias`: this layer holds the relative position embedding (WavLM) that the layers after it use as well.
    """

    def __init__(self, config: EncoderConfig, owns_bias: bool) -> None:
        super().__init__()
        self.pre_norm = config.pre_norm
        self.attention = SelfAttention(config, owns_bias)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.layer_norm = nn.LayerNorm(config.width, config.layer_norm_eps)
        self.feed_forward = FeedForward(config)
        self.final_layer_norm = nn.LayerNorm(config.width, config.layer_norm_eps)

    def forward(self, hidden: Tensor, bias: Tensor | None, mask: Tensor | None) -> Tensor:
        if self.pre_norm:
            hidden = hidden + self.dropout(self.attention(self.layer_norm(hidden), bias, mask))
            return hidden + self.feed_forward(self.final_layer_norm(hidden))
        hidden = self.layer_norm(hidden + self.dropout(self.attention(hidden, bias, mask)))
        return self.final_layer_norm(hidden + self.feed_forward(hidden))


class LayerStack(nn.ModuleList):
    """Transformer layers in a row; the first one's relative position embedding serves all of them."""

    def __init__(self, config: EncoderConfig, layers: int) -> None:
        super().__init__(
            ConformerLayer(config)
            if config.family == "wav2vec2-bert"
            else EncoderLayer(config, owns_bias=i == 0 and config.family == "wavlm")
            for i in range(layers)
        )

    def position_bias(self, frames: int) -> Tensor | None:
        """Bias [1, heads, T, T] of the layers' attention, or None where the family has none."""
        attention = getattr(self[0], "attention", None) if len(self) else None
        embedding = getattr(attention, "rel_attn_embed", None)
        return embedding.bias(frames) if isinstance(embedding, RelativePositionBias) else None

    def forward(self, hidden: Tensor, mask: Tensor | None = None) -> Tensor:
        """[B, T, H] -> [B, T, H]; `mask` [B, T] is true where an item is real."""
        bias = self.position_bias(hidden.shape[1])
        for layer in self:
            hidden = layer(hidden, bias, mask)
        return hidden
