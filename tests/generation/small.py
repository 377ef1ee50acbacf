"""Tiny models away from their initial weights, which hide faults: at first every velocity is zero."""

import torch

from wavcube.generation.config import RepresentationConfig, SpeechFlowConfig, TransformerConfig
from wavcube.generation.model import SpeechFlow

CHANNELS = 6
SYMBOLS = tuple(" '.,?abcdefghijklmnopqrstuvwxyz")


def small_flow(seed: int = 0, scale: float = 0.15) -> SpeechFlow:
    config = SpeechFlowConfig(
        TransformerConfig.preset("tiny"),
        RepresentationConfig("wavcube", "a-test-space", CHANNELS),
        "lowercase",
        SYMBOLS,
    )
    generator = torch.Generator().manual_seed(seed)
    model = SpeechFlow(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=generator)
        model.mean.copy_(torch.randn(CHANNELS, generator=generator))
        model.deviation.copy_(0.5 + torch.rand(CHANNELS, generator=generator))
    return model.eval()
