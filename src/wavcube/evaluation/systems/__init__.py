"""Systems under evaluation and their descriptions: models, codecs, baselines, files."""

import re

from wavcube.errors import ConfigError
from wavcube.evaluation.systems.base import EVALUATION_RATE, System
from wavcube.evaluation.systems.baselines import GriffinLim, Identity, Resampled
from wavcube.evaluation.systems.codecs import TransformersCodec
from wavcube.evaluation.systems.files import Files
from wavcube.evaluation.systems.opus import Opus
from wavcube.evaluation.systems.wavcube import WavCubeSystem

__all__ = [
    "EVALUATION_RATE",
    "SYSTEMS",
    "Files",
    "GriffinLim",
    "Identity",
    "Opus",
    "Resampled",
    "System",
    "TransformersCodec",
    "WavCubeSystem",
    "load_system",
]

SYSTEMS = """\
FOLDER or OWNER/NAME    a WavCube checkpoint: local, or on the hub (downloaded once)
packaged                the small WavCube model that comes with the package
MODEL?latent_noise=R    either of them, decoded with white noise of R std added to its latent
identity                the original itself
resample-8k             down to 8 kHz and back
griffin-lim             80-band mel spectrogram + Griffin-Lim
opus-KBPS               Opus at 6 to 256 kb/s, such as opus-12
transformers:ID         a codec of transformers by hub id or folder, with options such as
                        transformers:facebook/encodec_24khz?bandwidth=6
files:FOLDER            reconstructions that another program wrote, under the names of the originals; or shards of
                        `wavcube decode`"""


def load_system(description: str, device: str = "cpu") -> System:
    """Make the system that `description` names (see `SYSTEMS`); `LABEL=DESCRIPTION` names it LABEL in tables.

    Raises:
        WavCubeError: it cannot be made; the text says why.
    """
    label, source = _split_label(description)
    system = _load(source, device)
    if label:
        system.name = label
    return system


def _load(source: str, device: str) -> System:
    if source == "identity":
        return Identity()
    if source == "resample-8k":
        return Resampled()
    if source == "griffin-lim":
        return GriffinLim(device)
    if opus := re.fullmatch(r"opus-(\d+)", source):
        return Opus(int(opus[1]))
    kind, colon, rest = source.partition(":")
    if colon and kind == "files":
        return Files(rest)
    if colon and kind == "transformers":
        name, _, query = rest.partition("?")
        return TransformersCodec(name, _options(query), device)
    if not source:
        raise ConfigError(f"an empty name is no model; give one of\n{SYSTEMS}")
    from wavcube.codec import WavCube

    folder, _, query = source.partition("?")
    options = _options(query)
    if unknown := sorted(set(options) - {"latent_noise"}):
        raise ConfigError(f"a WavCube model under evaluation has no option {unknown[0]!r}, only latent_noise")
    packaged = folder == "packaged"
    model = WavCube.from_pretrained(None if packaged else folder, device=device)
    name = "wavcube" if packaged else folder.rstrip("/").rsplit("/", 1)[-1]
    return WavCubeSystem(model, f"{name}?{query}" if query else name, **options)


def _split_label(description: str) -> tuple[str, str]:
    """A label has none of the signs that a description has before its first `=`."""
    labelled = re.fullmatch(r"([\w. +-]+)=(.+)", description)
    return (labelled[1], labelled[2]) if labelled else ("", description)


def _options(query: str) -> dict[str, float]:
    options = {}
    for text in filter(None, query.split("&")):
        option, _, value = text.partition("=")
        try:
            options[option] = int(value) if value.isdigit() else float(value)
        except ValueError:
            raise ConfigError(f"option {text!r} should be NAME=NUMBER, such as bandwidth=6") from None
    return options
