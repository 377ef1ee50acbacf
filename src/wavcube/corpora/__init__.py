"""Latents of whole corpora: input shards -> shards of latents, on one machine or many.

Read in this order: input_shards, decoding, shard_writer, encode_shard (the unit of work), job, then who does it:
one_machine, ranks, ray_cluster.
"""
