"""The sample rate and the frames that all speech encoders here share (those of wav2vec 2.0 and its kin)."""

SAMPLE_RATE = 16_000
"""Hz; every model is trained at this rate."""

HOP_LENGTH = 320
"""Samples from one frame of features to the next: 50 frames a second."""

WINDOW_LENGTH = 400
"""Samples that one frame of features covers, 25 ms; shorter recordings have none."""
