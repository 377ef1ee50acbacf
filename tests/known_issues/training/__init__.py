"""Runs, lists, pools and caches."""
