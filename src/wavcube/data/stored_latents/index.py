"""`latents.json`: what the latents of a corpus are, and its shards."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from wavcube.errors import DataError

INDEX = "latents.json"
FORMAT = "wavcube-latents-1"


@dataclass
class LatentIndex:
    """A corpus of latents that is complete.

    Attributes:
        identity: of the latent space; see docs/architecture.md.
        model: fingerprint of all weights of the model.
        precision: that it computed in.
        frame_rate: of the latents, in Hz.
        sample_rate: of the speech, in Hz.
        dim: channels.
        stored: the type of the values on disk.
        storage_error: relative L2 error of storing them in that type, measured over the whole corpus.
        mean, std: of each channel [C] over all frames.
        recordings, hours: in all shards.
        errors: recordings that could not be used; the records of the shards have the reasons.
        shards: of each `number`, `source`, `recordings`, `seconds`, `errors`.
    """

    identity: str
    model: str
    precision: str
    frame_rate: float
    sample_rate: int
    dim: int
    stored: str
    storage_error: float
    mean: list[float]
    std: list[float]
    recordings: int
    hours: float
    errors: int
    shards: list[dict[str, Any]] = field(default_factory=list)

    def text(self) -> str:
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises: DataError: it is missing, damaged, or something else."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.pop("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            return cls(**values)
        except OSError as error:
            raise DataError(
                f"{path}: cannot be read ({error.strerror}); `wavcube encode` writes it when all shards are complete"
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"{path}: is no index of latents ({error})") from error
