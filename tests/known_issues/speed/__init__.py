"""Prepared models, number formats, processors."""
