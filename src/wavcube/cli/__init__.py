"""The command line, one file a command group.

Torch and everything heavy is imported inside the commands, so that `wavcube --help` is instant.
"""

from wavcube.cli.app import main

__all__ = ["main"]
