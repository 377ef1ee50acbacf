"""Provenance of a result: model, settings and input, stored in the result so that later runs can check it.

Latents keep it in their metadata, recordings in their comment. A file without it was made by somebody else. A recording
without it may be an original, and is never replaced, whatever --overwrite asks for.
"""

import json
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from wavcube.errors import WavCubeError
from wavcube.hashing import fingerprint_file
from wavcube.latent_files import LATENT_SUFFIXES

if TYPE_CHECKING:
    from wavcube.cli.many_files.job import Job
    from wavcube.codec.chunking import Chunking

KEY = "made"
"""In the metadata of latents; before the record in the comment of a recording."""


@dataclass(frozen=True)
class Source:
    """An input file: `size` in bytes, times of change in ns, its number on the disk, and a digest of its bytes."""

    size: int
    modified: int
    changed: int
    number: int
    digest: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Raises: WavCubeError: the file cannot be read."""
        try:
            facts = path.stat()
        except OSError as error:
            raise WavCubeError(f"{path}: cannot be read ({error.strerror})") from error
        if not stat.S_ISREG(facts.st_mode) and not stat.S_ISDIR(facts.st_mode):  # a pipe would be waited for, for ever
            raise WavCubeError(f"{path}: is not a regular file; save what it gives to a file first")
        return cls(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, fingerprint_file(path))

    def is_still(self, path: Path) -> bool:
        """Whether the file has the same bytes; they are read only where its times or number have changed."""
        try:
            facts = path.stat()
        except OSError:
            return False
        if facts.st_size != self.size:
            return False
        known = (self.modified, self.changed, self.number)
        return known == (facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino) or fingerprint_file(path) == self.digest


@dataclass(frozen=True)
class Record:
    """How a result was made.

    Attributes:
        command: "encode", "decode" or "reconstruct".
        model: fingerprint of all its weights and settings.
        precision: that it computed in.
        chunking: how the recording was cut, or "whole".
        seconds: of speech.
        forced: whether latents of another model were accepted.
        source: what it was made from.
    """

    command: str
    model: str
    precision: str
    chunking: str
    seconds: float
    forced: bool
    source: Source

    def text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        try:
            values = json.loads(text)
            return cls(**{**values, "source": Source(**values["source"])})
        except (ValueError, TypeError, KeyError):
            return None


class Model(Protocol):
    """What results are made with: a WavCube, or a tool that has one in it."""

    chunking: "Chunking"

    @property
    def sample_rate(self) -> int: ...

    @property
    def precision(self) -> str: ...

    def expected_frames(self, samples: int, /) -> int: ...

    def weights_fingerprint(self) -> str: ...


class Maker:
    """A command and the model that it uses: the records of its results, and the check of existing ones."""

    def __init__(self, command: str, model: Model, *, forced: bool = False) -> None:
        self.command, self.forced = command, forced
        self._model, self._weights = model, model.weights_fingerprint()
        self._sources: dict[Path, Source] = {}

    def note(self, job: "Job") -> None:
        """Remember what the source of a job is; to be called before it is read.

        Raises:
            WavCubeError: it cannot be read.
        """
        self._sources[job.source] = Source.of(job.source)

    def record(self, job: "Job", seconds: float) -> Record:
        """Of the result of a job whose source has been noted, and lasts so many seconds."""
        source = self._sources.pop(job.source)
        return Record(
            self.command, self._weights, self._model.precision, self._chunking(seconds), seconds, self.forced, source
        )

    def holds(self, record: Record, job: "Job") -> bool:
        """Whether a result is what this run would make: False where its input has changed.

        Raises:
            WavCubeError: it was made by another command, model or precision, or cut otherwise.
        """
        now = {
            "command": self.command,
            "precision": self._model.precision,  # before the model, whose weights are other numbers in it
            "model": self._weights,
            "chunking": self._chunking(record.seconds),
        }
        for what, value in now.items():
            if getattr(record, what) != value:
                raise WavCubeError(
                    f"{job.target}: exists, made with another {what} ({getattr(record, what)}, now {value}); "
                    "give another folder, or --overwrite to make it anew"
                )
        return record.source.is_still(job.source) and (self.forced or not record.forced)

    def _chunking(self, seconds: float) -> str:
        chunking = self._model.chunking
        return f"{chunking.chunk:g} s with {chunking.context:g} s" if chunking.applies(seconds) else "whole"


def read_record(path: Path) -> Record | None:
    """How a result was made; None where it does not say so."""
    if path.suffix.lower() in LATENT_SUFFIXES:
        return Record.parse(_metadata(path).get(KEY, ""))
    from wavcube.audio.io import read_comment

    comment = read_comment(path)
    return Record.parse(comment.removeprefix(f"wavcube {KEY} ")) if comment.startswith("wavcube") else None


def comment(record: Record) -> str:
    """The comment of a recording."""
    return f"wavcube {KEY} {record.text()}"


def was_encoded_from(latents: Path, recording: Path) -> bool:
    """Whether latents say that this recording is what they were made from."""
    record = Record.parse(_metadata(latents).get(KEY, ""))
    return record is not None and os.path.isfile(recording) and record.source.is_still(recording)


def _metadata(path: Path) -> dict[str, str]:
    from wavcube.errors import LatentsError
    from wavcube.latents import Latents

    try:
        metadata = Latents.load(path).metadata
    except LatentsError:
        return {}
    return metadata[0] if len(metadata) == 1 else {}
