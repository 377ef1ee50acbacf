"""Speech for training: a configuration -> endless batches of crops, in an order that can be returned to.

Read in this order: config, clips, the sources (lists, json_lines, lhotse_manifest; shards, webdataset_shards,
shar_shards), cropping, order, datasets, bad_files, batch, loader.
"""

from wavcube.data.config import DataConfig, SourceConfig
from wavcube.data.streaming.batch import Batch
from wavcube.data.streaming.loader import SpeechLoader, build_loader

__all__ = ["Batch", "DataConfig", "SourceConfig", "SpeechLoader", "build_loader"]
