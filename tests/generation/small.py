"""Tiny models away from their initial weights, which hide faults: at first every velocity is zero."""

import torch

from wavcube.generation.config import RepresentationConfig, SpeechFlowConfig, TransformerConfig
from wavcube.generation.model import SpeechFlow

CHANNELS = 6
SYMBOLS = tuple(" '.,?abcdefghijklmnopqrstuvwxyz")


def small_flow(seed: int = 0, scale: float = 0.15) -> SpeechFlow:
    return speech_flow(RepresentationConfig("wavcube", "a-test-space", CHANNELS), seed, scale)


def speech_flow(representation: RepresentationConfig, seed: int = 0, scale: float = 0.15) -> SpeechFlow:
    config = SpeechFlowConfig(TransformerConfig.preset("tiny"), representation, "lowercase", SYMBOLS)
    generator = torch.manual_seed(seed)
    model = SpeechFlow(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=generator)
        model.mean.copy_(torch.randn(representation.channels, generator=generator))
        model.deviation.copy_(0.5 + torch.rand(representation.channels, generator=generator))
    return model.eval()
