"""Evaluation of voice conversion: pairs of source and target, baselines, and the report."""
