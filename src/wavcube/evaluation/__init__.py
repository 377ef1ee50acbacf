"""The evaluation toolkit: metrics, systems to compare, the runner, statistics and reports."""
