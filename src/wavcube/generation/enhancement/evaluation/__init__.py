"""Evaluation of enhancement: systems that get the noisy recording, baselines, and the report."""
