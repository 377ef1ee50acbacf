"""Learnability of representations, measured before and during the training of a generator."""
