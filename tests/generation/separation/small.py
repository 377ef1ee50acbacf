"""A tiny separation model with random weights."""

import torch

from wavcube.codec import WavCube
from wavcube.features.wavcube import WavCubeExtractor
from wavcube.generation.flow.config import RepresentationConfig
from wavcube.generation.flow.frame_transformer import FrameTransformerConfig
from wavcube.generation.separation.config import SeparatorConfig
from wavcube.generation.separation.model import LatentSeparator

SIZES = FrameTransformerConfig(width=32, layers=2, heads=2, position_kernel=7, position_groups=4)


def small_separator(codec: WavCube, spec: str, scale: float = 0.1, seconds: float = 1.0) -> LatentSeparator:
    fingerprint = WavCubeExtractor(codec, "latents").fingerprint
    described = RepresentationConfig(spec, fingerprint, codec.latent_dim, codec.frame_rate)
    generator = torch.manual_seed(0)
    model = LatentSeparator(SeparatorConfig(SIZES, described, codec.config.encoder.feature_width, seconds))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=generator)
    return model.eval()
