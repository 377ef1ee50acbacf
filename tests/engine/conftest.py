"""Runs of seconds, as the tests of training have them."""

from tests.training.conftest import _no_pictures, recordings, repository, small_config, small_settings, with_curves

__all__ = ["_no_pictures", "recordings", "repository", "small_config", "small_settings", "with_curves"]
