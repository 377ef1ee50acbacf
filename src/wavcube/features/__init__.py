"""What probes and generators consume: frames of speech, behind one small interface.

A frontend turns a padded batch of waveforms into frames with lengths: the latents of a WavCube model, its encoder's
features or its restored features, any speech encoder of transformers, log-mel or MFCC. `FrameCache` keeps the frames
of a data set on disk, so that a head trains on them without running the frontend again.

    frontend = build_frontend("wavcube:my-model")
    cache = FrameCache(frontend, "cache")
    cache.extract([Clip("a", Path("a.flac")), Clip("b", Path("b.flac"))])
    frames = cache["a"]                                   # float16 [T, C], mapped from the disk

In the order the data flows: base, spectral, latent, pretrained, build; clips, shards, checksums, cache.
"""

from wavcube.data.clip import Clip, read_clip
from wavcube.features.base import Frontend
from wavcube.features.build import SPECS, build_frontend
from wavcube.features.cache import CachePlan, FrameCache
from wavcube.features.shards import CachedFrames

__all__ = ["SPECS", "CachePlan", "CachedFrames", "Clip", "FrameCache", "Frontend", "build_frontend", "read_clip"]
