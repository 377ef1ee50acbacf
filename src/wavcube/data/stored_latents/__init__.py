"""Latents of a corpus on disk, in shards: the format, and reading them back.

    OUT/latents.json                    what they are: see `index.LatentIndex`
    OUT/plan.json                       with which settings they are made
    OUT/shards/latent.000000.tar        a field of Lhotse Shar: for each recording ID.npy (`values`) and ID.json
    OUT/shards/cuts.000000.jsonl.gz     the cuts of Lhotse that go with it: names, durations, words, speakers
    OUT/records/000000.json             of a shard that is complete: see `record.ShardRecord`

`shards` is a folder that Lhotse opens as it is, and its tars are WebDataset's.
"""

from wavcube.data.stored_latents.corpus import LatentCorpus
from wavcube.data.stored_latents.values import unpack

__all__ = ["LatentCorpus", "unpack"]
