"""Tiny models away from their initial weights, which hide faults: at first every velocity is zero."""

import dataclasses

import torch

from wavcube.generation.flow.config import RepresentationConfig, TransformerConfig
from wavcube.generation.tts.config import FlowMatchingTTSConfig
from wavcube.generation.tts.durations.average_durations import AverageDurations
from wavcube.generation.tts.model import FlowMatchingTTS

CHANNELS = 6
TOKENS = tuple(" '.,?abcdefghijklmnopqrstuvwxyz")


def small_flow(seed: int = 0, scale: float = 0.15, text_alignment: str = "prepend") -> FlowMatchingTTS:
    return speech_flow(RepresentationConfig("wavcube", "a-test-space", CHANNELS), seed, scale, text_alignment)


def speech_flow(
    representation: RepresentationConfig, seed: int = 0, scale: float = 0.15, text_alignment: str = "prepend"
) -> FlowMatchingTTS:
    sizes = dataclasses.replace(TransformerConfig.preset("tiny"), text_alignment=text_alignment)
    config = FlowMatchingTTSConfig(sizes, representation, "lowercase", TOKENS)
    generator = torch.manual_seed(seed)
    model = FlowMatchingTTS(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=generator)
        model.mean.copy_(torch.randn(representation.channels, generator=generator))
        if model.duration_predictor is not None:
            assert isinstance(model.duration_predictor, AverageDurations)
            model.duration_predictor.effects[2].fill_(0.08)
        model.std.copy_(0.5 + torch.rand(representation.channels, generator=generator))
    return model.eval()
