"""The feed-forward part of the encoder's layers."""

from torch import Tensor, nn

from wavcube.codec.encoder_config import EncoderConfig


class FeedForward(nn.Module):
    """Two linear maps with an activation between them."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(config.width, config.feed_forward)
        self.activation = nn.GELU() if config.activation == "gelu" else nn.SiLU()
        self.intermediate_dropout = nn.Dropout(config.activation_dropout)
        self.output_dense = nn.Linear(config.feed_forward, config.width)
        self.output_dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.intermediate_dropout(self.activation(self.intermediate_dense(hidden)))
        return self.output_dropout(self.output_dense(hidden))
