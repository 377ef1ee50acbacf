"""Corpora of the tasks: the official ones, and lists of one's own."""
