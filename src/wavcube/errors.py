"""Exceptions with one sentence each: which file, what is wrong, what to do.

Everything that a user can cause is a `WavCubeError`. The command line prints its text and nothing else, so the text
has to stand alone; a traceback means a bug of ours.
"""


class WavCubeError(Exception):
    """Base of every error that a user can cause and mend."""


class AudioError(WavCubeError, ValueError):
    """A recording that cannot be read, or that holds no usable speech signal."""


class LatentsError(WavCubeError, ValueError):
    """Latents of the wrong shape, width or rate, or made by another model."""


class ConfigError(WavCubeError, ValueError):
    """A configuration with an unknown key or an impossible value."""


class CheckpointError(WavCubeError):
    """A checkpoint that is missing, half-written, of another stage or of another size."""


class DataError(WavCubeError, ValueError):
    """A data set, manifest or list that is missing, empty or malformed."""


class MissingDependencyError(WavCubeError, ImportError):
    """An optional package that a function needs; the text names the extra that brings it."""


class WavCubeWarning(UserWarning):
    """Base of what users should know though nothing failed; the command line prints the text alone."""


class AudioWarning(WavCubeWarning):
    """A recording that is read, but about which something is odd: an unknown length, a level close to silence."""


class InputWarning(WavCubeWarning):
    """Files of a folder that are left out."""
