"""Models with acoustic features: log-mel and pitch beside the encoder's, and a decoder that makes its own phase."""
