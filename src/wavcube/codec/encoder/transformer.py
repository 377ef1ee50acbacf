"""What lies between an encoder's first convolutions and its features: a transformer, or a stack of conformer layers."""

from torch import Tensor, nn

from wavcube.codec.blocks.masking import zero_beyond
from wavcube.codec.encoder.layers import LayerStack
from wavcube.codec.encoder.positions import position_embedding
from wavcube.codec.encoder_config import EncoderConfig


class Transformer(nn.Module):
    """The encoder's transformer: position embedding, layers, layer norm, on [B, T, H]."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.pre_norm = config.pre_norm
        self.last_layer = config.last_layer
        self.pos_conv_embed = position_embedding(config)
        self.layer_norm = nn.LayerNorm(config.width, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout)
        # Layers above the features would only cost time and memory.
        self.layers = LayerStack(config, max(config.layer_numbers))

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        return self._finish(self.layers(self._start(hidden, mask), mask))

    def hidden_states(self, hidden: Tensor, mask: Tensor | None) -> list[Tensor]:
        """The input of every layer and the final output: layers + 1 tensors [B, T, H]."""
        hidden = self._start(hidden, mask)
        bias = self.layers.position_bias(hidden.shape[1])
        states = [hidden]
        for layer in self.layers:
            hidden = layer(hidden, bias, mask)
            states.append(hidden)
        return [*states[:-1], self._finish(states[-1])]

    def _start(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        hidden = zero_beyond(hidden, mask)
        hidden = hidden + self.pos_conv_embed(hidden, mask)
        return self.dropout(hidden if self.pre_norm else self.layer_norm(hidden))

    def _finish(self, hidden: Tensor) -> Tensor:
        return self.layer_norm(hidden) if self.pre_norm and self.last_layer else hidden


class Conformer(nn.Module):
    """w2v-BERT's layers, on [B, T, H]: positions are in their attention, and each ends with a layer norm."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.layers = LayerStack(config, max(config.layer_numbers))

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        return self.layers(self.dropout(hidden), mask)

    def hidden_states(self, hidden: Tensor, mask: Tensor | None) -> list[Tensor]:
        """The input of every layer and the final output: layers + 1 tensors [B, T, H]."""
        states = [self.dropout(hidden)]
        for layer in self.layers:
            states.append(layer(states[-1], None, mask))
        return states
