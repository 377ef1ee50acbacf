"""WavCube for users of transformers: importing this module lets the Auto classes load wavcube folders and hub ids.

import wavcube.hf
from transformers import AutoFeatureExtractor, AutoModel
extractor, model = AutoFeatureExtractor.from_pretrained(name), AutoModel.from_pretrained(name)
latents = model.encode(**extractor(samples, sampling_rate=16_000, return_tensors="pt")).latents   # [B, T, 128]

`name` is a folder or a hub id; `wavcube.hf.PACKAGED` is the folder of the model that comes with the package.
"""

from wavcube.codec.checkpoint.folder import PACKAGED
from wavcube.integrations.transformers.configuration import WavCubeModelConfig
from wavcube.integrations.transformers.feature_extraction import WavCubeFeatureExtractor
from wavcube.integrations.transformers.modeling import (
    WavCubeDecoderOutput,
    WavCubeEncoderOutput,
    WavCubeModel,
    WavCubeOutput,
)
from wavcube.integrations.transformers.registration import register

__all__ = [
    "PACKAGED",
    "WavCubeDecoderOutput",
    "WavCubeEncoderOutput",
    "WavCubeFeatureExtractor",
    "WavCubeModel",
    "WavCubeModelConfig",
    "WavCubeOutput",
    "register",
]

register()
