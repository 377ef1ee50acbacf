"""Encoder, decoder and their checkpoints."""
