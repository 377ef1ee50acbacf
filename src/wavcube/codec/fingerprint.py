"""The name of a latent space: a function of all weights that make the latent, and of the settings that change it."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Self

from torch import Tensor, nn

from wavcube.codec.config import BottleneckConfig, EncoderConfig
from wavcube.hashing import checksum, fingerprint_tensors

LATENT_PARTS = ("encoder.", "compressor.")
"""Beginnings of the names of weights that make the latent; a new decoder reads the same latents."""

TRAINING_ONLY = frozenset(
    {"hidden_dropout", "attention_dropout", "activation_dropout", "restorer", "sigma", "random_sigma"}
)
"""Settings that change no latent, only how the model learns."""


def latent_settings(encoder: EncoderConfig, bottleneck: BottleneckConfig) -> str:
    """What of the settings changes latents, as text; those with their default are left out, so that more may come."""
    parts: dict[str, EncoderConfig | BottleneckConfig] = {"encoder": encoder, "bottleneck": bottleneck}
    kept = {
        f"{part}.{field.name}": getattr(config, field.name)
        for part, config in parts.items()
        for field in dataclasses.fields(config)
        if field.name not in TRAINING_ONLY and getattr(config, field.name) != field.default
    }
    return json.dumps(kept, sort_keys=True)


def latent_fingerprint(encoder: EncoderConfig, bottleneck: BottleneckConfig, tensors: Mapping[str, Tensor]) -> str:
    """Sixteen hexadecimal digits for a latent space, of a whole model's `tensors` by name."""
    made = {name: tensor for name, tensor in tensors.items() if name.startswith(LATENT_PARTS)}
    return fingerprint_tensors(made, latent_settings(encoder, bottleneck))


@dataclasses.dataclass(frozen=True)
class LatentSpace:
    """The name of a model's latent space, and how to see that its weights are still those that bore the name.

    Attributes:
        name: of the space now.
        origin: name and fingerprint at loading. Weights that are stored in half precision keep the name that they had
            before, so the two may differ.
        state: cheap to compute again; equal as long as nothing was changed.
    """

    name: str
    origin: tuple[str, str]
    state: tuple[object, ...]

    @classmethod
    def of(cls, encoder: nn.Module, compressor: nn.Module, known: Self | None = None, name: str | None = None) -> Self:
        """The latent space of these parts.

        Args:
            known: what it was when somebody last asked; given back if nothing has changed since.
            name: what it is called, whatever its weights are; by default its fingerprint.
        """
        tensors = encoder.state_dict(prefix="encoder.") | compressor.state_dict(prefix="compressor.")
        settings = encoder.config, compressor.config
        state = (*settings, *checksum(tensors))
        if known is not None and name is None and known.state == state:
            return known
        found = latent_fingerprint(*settings, tensors)  # type: ignore[arg-type]
        origin = (name or found, found) if known is None or name is not None else known.origin
        return cls(origin[0] if origin[1] == found else found, origin, state)


@dataclasses.dataclass(frozen=True)
class Names:
    """What a model was called when its weights were laid out anew, and the precision that it computes in since.

    `identity` is of its latent space, `weights` of all of it.
    """

    identity: str
    weights: str
    precision: str
