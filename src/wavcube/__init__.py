"""wavcube: one compact continuous representation of speech.

from wavcube import WavCube
model = WavCube.from_pretrained("folder or hub id")
latents = model.encode("speech.flac")       # Latents: values [1, T, 128], 50 per second
speech = model.decode(latents)              # waveform [1, S] at model.sample_rate
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wavcube.audio.io import load_audio, save_audio
    from wavcube.codec import WavCube, WavCubeConfig
    from wavcube.latents import Latents

__version__ = "0.1.0"
__all__ = ["Latents", "WavCube", "WavCubeConfig", "load_audio", "save_audio"]

# Imported on first use, so that `import wavcube` and `wavcube --help` do not wait for torch.
_HOME = {
    "Latents": "wavcube.latents",
    "WavCube": "wavcube.codec",
    "WavCubeConfig": "wavcube.codec",
    "load_audio": "wavcube.audio.io",
    "save_audio": "wavcube.audio.io",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'wavcube' has no attribute {name!r}")
