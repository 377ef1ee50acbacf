"""`latents.json` and `recordings.json`: what the latents or recordings of a corpus are, and its shards."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from wavcube.errors import DataError

INDEX, RECORDINGS_INDEX = "latents.json", "recordings.json"


@dataclass
class _Index:
    """The sum of all shards, a file that is there only while all of them are complete."""

    form: ClassVar[str]
    command: ClassVar[str]

    def text(self) -> str:
        return json.dumps({"format": self.form, **asdict(self)}, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises: DataError: it is missing, damaged, or something else."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.pop("format") != cls.form:
                raise ValueError(f"its format is not {cls.form}")
            return cls(**values)
        except OSError as error:
            raise DataError(
                f"{path}: cannot be read ({error.strerror}); `{cls.command}` writes it when all shards are complete"
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"{path}: is no index of shards of `{cls.command}` ({error})") from error


@dataclass
class LatentIndex(_Index):
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

    form, command = "wavcube-latents-1", "wavcube encode"

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


@dataclass
class RecordingIndex(_Index):
    """Recordings that were decoded from a corpus of latents, all of them.

    Attributes:
        model: fingerprint of all weights of the model.
        identity: of its latent space.
        precision: that it computed in.
        sample_rate: in Hz.
        audio_format: of the files in the tars.
        recordings, hours: in all shards.
        errors: recordings that could not be decoded; the records of the shards have the reasons.
        shards: of each `number`, `source`, `recordings`, `seconds`, `errors`.
    """

    form, command = "wavcube-recordings-1", "wavcube decode"

    model: str
    identity: str
    precision: str
    sample_rate: int
    audio_format: str
    recordings: int
    hours: float
    errors: int
    shards: list[dict[str, Any]] = field(default_factory=list)
