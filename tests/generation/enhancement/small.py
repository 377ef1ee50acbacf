"""A tiny enhancement model away from its initial weights, with which it would change nothing."""

import torch

from wavcube.codec import WavCube
from wavcube.features.wavcube import WavCubeExtractor
from wavcube.generation.enhancement.config import EnhancerConfig
from wavcube.generation.enhancement.model import LatentEnhancer
from wavcube.generation.flow.config import RepresentationConfig
from wavcube.generation.flow.frame_transformer import FrameTransformerConfig

SIZES = FrameTransformerConfig(width=32, layers=2, heads=2, position_kernel=7, position_groups=4)


def small_enhancer(codec: WavCube, spec: str, scale: float = 0.1, seconds: float = 1.0) -> LatentEnhancer:
    extractor = WavCubeExtractor(codec, "latents")
    described = RepresentationConfig(spec, extractor.fingerprint, codec.latent_dim, codec.frame_rate)
    generator = torch.manual_seed(0)
    model = LatentEnhancer(EnhancerConfig(SIZES, described, codec.config.encoder.feature_width, seconds))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=generator)
        model.latent_mean.copy_(torch.randn(codec.latent_dim, generator=generator))
        model.latent_std.copy_(0.5 + torch.rand(codec.latent_dim, generator=generator))
    return model.eval()
