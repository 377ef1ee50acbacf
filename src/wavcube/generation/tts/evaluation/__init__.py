"""Evaluation of text to speech: sentence lists, synthesis by several seeds, report."""
