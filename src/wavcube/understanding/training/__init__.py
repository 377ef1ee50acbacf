"""Training a head on cached frames: batches, SpecAugment, one training, a grid of learning rates."""
