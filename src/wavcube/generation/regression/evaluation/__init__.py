"""Evaluation of tools that get a mixture and are measured against what is clean in it."""
