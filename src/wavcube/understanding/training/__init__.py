"""How a head is trained on cached frames: batches, SpecAugment, one training, a grid of learning rates."""
