"""Tiny models away from their initial weights, which hide faults: at first every velocity is zero."""

import dataclasses

import torch

from wavcube.generation.flow.config import RepresentationConfig, SpeechFlowConfig, TransformerConfig
from wavcube.generation.tts.model import SpeechFlow

CHANNELS = 6
SYMBOLS = tuple(" '.,?abcdefghijklmnopqrstuvwxyz")


def small_flow(seed: int = 0, scale: float = 0.15, placement: str = "start") -> SpeechFlow:
    return speech_flow(RepresentationConfig("wavcube", "a-test-space", CHANNELS), seed, scale, placement)


def speech_flow(
    representation: RepresentationConfig, seed: int = 0, scale: float = 0.15, placement: str = "start"
) -> SpeechFlow:
    sizes = dataclasses.replace(TransformerConfig.preset("tiny"), placement=placement)
    config = SpeechFlowConfig(sizes, representation, "lowercase", SYMBOLS)
    generator = torch.manual_seed(seed)
    model = SpeechFlow(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=generator)
        model.mean.copy_(torch.randn(representation.channels, generator=generator))
        if model.timing is not None:
            model.timing.effects[2].fill_(0.08)
        model.deviation.copy_(0.5 + torch.rand(representation.channels, generator=generator))
    return model.eval()
