"""A feature extractor by its specification, as users write it on the command line."""

import torch

from wavcube.configuration.aliases import with_new_kind
from wavcube.errors import ConfigError
from wavcube.features.base import FeatureExtractor
from wavcube.features.pretrained import PretrainedExtractor
from wavcube.features.spectral import Fbank, LogMel, Mfcc
from wavcube.features.stacking import FrameStacking
from wavcube.features.stored import StoredLatents
from wavcube.features.wavcube import load_wavcube_extractor

SPECS = (
    "wavcube[:MODEL], features[:MODEL], restored[:MODEL], transformers:NAME, transformers:NAME@LAYER, "
    "transformers:NAME@weighted, logmel, mfcc, fbank, frame_stacking:COUNT:ANOTHER, latents:FOLDER"
)
"""What `build_feature_extractor` understands; MODEL and NAME are a folder or a hub id, FOLDER holds latents.json."""


def build_feature_extractor(spec: str, device: str | torch.device = "cpu") -> FeatureExtractor:
    """Build a feature extractor.

    Args:
        spec: "wavcube" (latents of the packaged model) or "wavcube:MODEL"; "features[:MODEL]", what the model's encoder
            gives; "restored[:MODEL]"; "transformers:NAME" (last layer, layer-normed), "transformers:NAME@7" (hidden
            state 7), "transformers:NAME@weighted" (all layers); "logmel", "mfcc", "fbank" (SUPERB's baseline);
            "frame_stacking:2:logmel", two frames of another one in each; "latents:FOLDER", what `wavcube encode` has
            stored there, which computes nothing.
        device: where it runs.

    Raises:
        ConfigError: none of these.
        CheckpointError: the model cannot be loaded.
        DataError: a folder holds no complete corpus of latents.
    """
    spec = with_new_kind(spec)
    kind, colon, argument = spec.partition(":")
    if colon and not argument:
        raise ConfigError(f"representation {spec!r}: a folder or hub id should follow the colon")
    match kind:
        case "wavcube":
            return load_wavcube_extractor(argument or None, "latents", device)
        case "features":
            return load_wavcube_extractor(argument or None, "features", device)
        case "restored":
            return load_wavcube_extractor(argument or None, "restored", device)
        case "transformers" if argument:
            name, _, layer = argument.partition("@")
            if layer in ("", "weighted"):
                return PretrainedExtractor(name, layer or None, device)
            if not layer.isdecimal():
                raise ConfigError(f"representation {spec!r}: the layer is a number or 'weighted', not {layer!r}")
            return PretrainedExtractor(name, int(layer), device)
        case "logmel" if not argument:
            return LogMel(device=device)
        case "mfcc" if not argument:
            return Mfcc(device=device)
        case "fbank" if not argument:
            return Fbank(device=device)
        case "latents" if argument:
            return StoredLatents(argument)
        case "frame_stacking":
            count, _, inner = argument.partition(":")
            if not count.isdecimal() or not inner:
                raise ConfigError(
                    f"representation {spec!r}: expected frame_stacking:COUNT:ANOTHER, such as frame_stacking:2:logmel"
                )
            return FrameStacking(build_feature_extractor(inner, device), int(count))
    raise ConfigError(f"unknown representation {spec!r}; there are {SPECS}")
