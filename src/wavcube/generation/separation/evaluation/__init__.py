"""Evaluation of separation: both talkers of mixtures, systems, baselines, and the report."""
