"""Several hidden states as one feature."""

import torch
from torch import Tensor, nn

from wavcube.codec.encoder_config import EncoderConfig


class FeatureMix(nn.Module):
    """Several hidden states as one feature: side by side [B, T, N * H], or their weighted sum [B, T, H].

    Every state has a layer norm of its own, except the last one, which the encoder has normed. The weights of the sum
    are a softmax of learnt numbers, equal at first.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.numbers, self.last = config.layer_numbers, config.layers
        inner = [number for number in self.numbers if number != self.last]
        self.norms = nn.ModuleDict({str(n): nn.LayerNorm(config.width, config.layer_norm_eps) for n in inner})
        self.weights = nn.Parameter(torch.zeros(len(self.numbers))) if config.feature_mix == "weighted" else None

    def forward(self, states: list[Tensor]) -> Tensor:
        """`states`: the input of every layer and the final output, each [B, T, H]."""
        chosen = [states[n] if n == self.last else self.norms[str(n)](states[n]) for n in self.numbers]
        if self.weights is None:
            return torch.cat(chosen, dim=-1)
        weights = self.weights.softmax(0)
        return sum((weight * state for weight, state in zip(weights, chosen, strict=True)), torch.zeros_like(chosen[0]))
