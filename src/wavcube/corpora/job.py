"""The settings that a corpus is encoded with, and the files of its folder that are not shards."""

import json
import os
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from wavcube.corpora.shard_writer import ShardWriter, output_errors, remove_abandoned
from wavcube.data.stored_latents.record import CUTS, RECORD, Moments, ShardRecord, complete
from wavcube.errors import DataError
from wavcube.files import atomic_path
from wavcube.framing import SAMPLE_RATE
from wavcube.hashing import digest

PLAN = "plan.json"


class Text(Protocol):
    """An index."""

    def text(self) -> str: ...


Written = TypeVar("Written", bound=Text)


@dataclass(frozen=True)
class Settings(ABC, Generic[Written]):
    """All that changes the bytes of shards beside their inputs; one folder holds shards of one of these.

    Attributes:
        writer: what writes the shards.
    """

    writer: ClassVar[type[ShardWriter]]

    def digest(self) -> str:
        return digest(json.dumps(asdict(self), sort_keys=True))

    @abstractmethod
    def index(self, summary: "Summary") -> Written:
        """What is said of all shards, once they are complete."""


def claim(folder: Path, settings: Settings[Any], overwrite: bool) -> None:
    """Make a folder the place of these settings' shards; many processes may do so at once.

    Raises:
        DataError: it holds shards of other settings, and `overwrite` is not set, or something else.
        OutputError: the disk refuses.
    """
    path = folder / PLAN
    text = json.dumps(asdict(settings), indent=1) + "\n"
    remove_abandoned(folder)
    with output_errors(folder):
        if not path.exists():
            if folder.is_dir() and any(True for _ in folder.glob("shards/*")):
                raise DataError(f"{folder}: holds shards that wavcube did not make; give another folder")
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f".{uuid.uuid4().hex[:12]}.part"
            temporary.write_text(text, encoding="utf-8")
            try:
                os.link(temporary, path)  # unlike renaming, does not replace what another process has written
            except FileExistsError:
                pass
            except OSError:  # a file system without links
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
        there = _plan(path)
        if there == asdict(settings):
            return
        differing = [name for name, value in asdict(settings).items() if there.get(name) != value]
        if there.keys() != asdict(settings).keys():
            raise DataError(f"{folder}: holds shards of another kind; give another folder")
        if not overwrite:
            first = differing[0]
            values = f"{there.get(first)}, now {asdict(settings)[first]}"
            raise DataError(
                f"{folder}: holds shards made with another {first} ({values}); "
                "give another folder, or --overwrite to make them anew"
            )
        (folder / settings.writer.index_name).unlink(missing_ok=True)
        with atomic_path(path) as new:
            new.write_text(text, encoding="utf-8")


def write_index(folder: Path, settings: Settings[Written], numbers: Iterable[int], overwrite: bool) -> Written | None:
    """Write the index, or nothing where a shard is not complete yet: whoever completes the last writes it.

    Raises:
        DataError: there are shards of an earlier input; or no recording could be used.
        OutputError: the disk refuses.
    """
    expected = set(numbers)
    with output_errors(folder):
        stale = sorted(int(path.stem) for path in (folder / "records").glob("*.json") if int(path.stem) not in expected)
        if stale and not overwrite:
            raise DataError(
                f"{folder}: holds {len(stale)} shards that this input does not have ({stale[0]}, ...); give the whole "
                "input, or another folder, or --overwrite to remove them"
            )
        for number in stale:
            for name in (RECORD, settings.writer.tar_name, CUTS):
                (folder / name.format(number)).unlink(missing_ok=True)
    summary = Summary()
    for number in sorted(expected):
        record = complete(folder, number)
        if record is None or record.settings != settings.digest():
            return None
        summary.add(record)
    if not summary.recordings:
        raise DataError(f"{folder}: no recording of the input could be used; records/ has the reasons")
    index = settings.index(summary)
    with output_errors(folder), atomic_path(folder / settings.writer.index_name) as path:
        path.write_text(index.text(), encoding="utf-8")
    return index


class Summary:
    """Records, added up in their order.

    Attributes:
        shards: of each `number`, `source`, `recordings`, `seconds`, `errors`.
        moments: of all of them.
        recordings, errors, seconds: in all of them.
    """

    def __init__(self) -> None:
        self.shards: list[dict[str, Any]] = []
        self.moments = Moments(0, [], [], 0.0)
        self.recordings = self.errors = 0
        self.seconds = 0.0

    def add(self, record: ShardRecord) -> None:
        seconds = record.samples / SAMPLE_RATE
        self.shards.append(
            {
                "number": record.number,
                "source": record.source,
                "recordings": record.recordings,
                "seconds": seconds,
                "errors": len(record.errors),
            }
        )
        if record.recordings:
            self.moments.add(record.moments)
        self.recordings += record.recordings
        self.errors += len(record.errors)
        self.seconds += seconds


def _plan(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: is damaged; delete it if the shards beside it may be made anew") from error
    return found if isinstance(found, dict) else {}
