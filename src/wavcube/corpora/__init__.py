"""Latents of whole corpora: input shards -> shards of latents -> shards of recordings, on one machine or many.

Read in this order: shard, input_shards, decoding; shard_writer, latent_writer, recording_writer; job, make_shard (the
unit of work), encode_shard, decode_shard; then who does it: one_machine, ranks, ray_cluster.
"""
