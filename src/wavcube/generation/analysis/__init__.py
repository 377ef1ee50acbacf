"""How easily a generator learns a representation, measured before and during training."""
