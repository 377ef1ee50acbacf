"""How long tokens last: forced alignment of a corpus and the duration predictor trained on it."""
