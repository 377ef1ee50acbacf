"""Frames of speech for probes and generators, behind one small interface.

A feature extractor turns a padded batch of waveforms into frames with lengths: the latents of a WavCube model, its
encoder's features or its restored features, any speech encoder of transformers, log-mel or MFCC. `FrameCache` keeps the
frames of a data set on disk, so that a head trains on them without running the feature extractor again.

    extractor = build_feature_extractor("wavcube:my-model")
    cache = FrameCache(extractor, "cache")
    cache.extract([Clip("a", Path("a.flac")), Clip("b", Path("b.flac"))])
    frames = cache["a"]                                   # float16 [T, C], mapped from the disk

In the order of the data: base, spectral, pretrained, wavcube, stacking, stored, build;
shards, checksums, cache; vocoders.
"""

from wavcube.data.clip import Clip, read_clip
from wavcube.features.base import FeatureExtractor
from wavcube.features.build import SPECS, build_feature_extractor
from wavcube.features.cache import CachePlan, FrameCache
from wavcube.features.shards import CachedFrames

__all__ = [
    "SPECS",
    "CachePlan",
    "CachedFrames",
    "Clip",
    "FeatureExtractor",
    "FrameCache",
    "build_feature_extractor",
    "read_clip",
]
