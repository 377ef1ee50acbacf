"""Durations of tokens: forced alignment of a corpus and the duration predictor trained on it."""
