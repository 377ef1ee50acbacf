"""WebDataset: tar files with one recording (and whatever else) a key; local, by URL, or from a command."""

import glob
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from wavcube.audio.io import AUDIO_SUFFIXES
from wavcube.data.clip import Clip
from wavcube.data.config import SourceConfig
from wavcube.data.manifest import TRANSCRIPT_COLUMNS
from wavcube.data.rows import scalars
from wavcube.errors import DataError, MissingDependencyError

_NO_MEMBER = b""  # fails to decode, which makes a key without audio a bad recording like any other

_CURL = {
    6: "its server is not known",
    7: "its server does not answer",
    22: "its server answered with an error, as it does where nothing is there",
    28: "its server took too long",
}


@dataclass(frozen=True)
class TarShard:
    """One tar file; `name` is its path, URL or `pipe:` command."""

    name: str

    def read(self) -> Iterator[Clip]:
        """Yield a clip for every key: of its members one whose suffix is one of audio, the words of a `.txt`, and what
        a `.json` has on it.

        Raises:
            DataError: the tar ends before its end, or is damaged; or the command that gives it failed.
        """
        _, group_by_keys = _import_webdataset()
        stream = open_stream(self.name)
        try:
            for sample in group_by_keys(self._members(stream)):
                yield self._clip(sample)
            while stream.read(1 << 20):  # what pads a tar; a command whose output is not read fails
                pass
            _require_success(stream)
        except GeneratorExit:
            # A command that is stopped before its end reports a broken pipe; that is no news here.
            with suppress(Exception):
                stream.close()
            raise
        except Exception:
            try:
                _require_success(stream)
            finally:
                with suppress(Exception):
                    stream.close()
            raise
        stream.close()

    def _members(self, stream: Any) -> Iterator[dict[str, Any]]:
        with tarfile.open(fileobj=stream, mode="r|*", tarinfo=_StrictHeader) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if content is not None and not member.name.startswith("__"):
                    yield {"fname": member.name, "data": content.read(), "__url__": self.name}
                tar.members = []  # type: ignore[attr-defined]  # else it keeps the header of every member

    def _clip(self, sample: Mapping[str, Any]) -> Clip:
        suffix = next((key for key in sample if "." + key.rsplit(".", 1)[-1] in AUDIO_SUFFIXES), None)
        name = f"{os.path.basename(self.name)}/{sample['__key__']}"
        columns = _columns(sample.get("json"))
        words = _text(sample.get("txt"))
        words = next((columns.pop(column) for column in TRANSCRIPT_COLUMNS if column in columns), words)
        audio = sample[suffix] if suffix else _NO_MEMBER
        language = columns.get("language") or "en"
        return Clip(name, Path(name), transcript=words or None, language=language, columns=columns, audio=audio)


def find_tar_shards(source: SourceConfig) -> list[TarShard]:
    """List the shards that a path with braces (`shard-{000..099}.tar`) or wildcards, a URL or a command names.

    Raises:
        DataError: a local shard does not exist, or nothing matches.
    """
    _import_webdataset()
    return [TarShard(name) for name in find_shards(source.path)]


def find_shards(pattern: str) -> list[str]:
    """The files, URLs and commands that a path with braces or wildcards names.

    Raises:
        DataError: a local one does not exist, or nothing matches.
    """
    names = [pattern]
    if "{" in pattern:
        _import_webdataset()
        from braceexpand import braceexpand

        try:
            names = list(braceexpand(pattern))
        except ValueError as error:
            raise DataError(f"{pattern}: its braces do not match ({error})") from error
    shards: list[str] = []
    for name in names:
        if not is_remote(name):
            found = sorted(glob.glob(name)) if glob.has_magic(name) else [name] if os.path.isfile(name) else []
            if not found:
                raise DataError(f"{name}: no such shard")
            shards += found
        else:
            shards.append(name)
    return shards


def is_remote(path: str) -> bool:
    """Whether a path is a URL or a `pipe:` command."""
    return path.startswith("pipe:") or "://" in path


def open_stream(name: str) -> Any:
    """A path, URL or command, open for reading bytes in order; a URL of a kind that webdataset does not know by fsspec.

    Raises:
        DataError: there is nothing, or no way to it.
        MissingDependencyError: the kind of URL needs a package that is not installed.
    """
    gopen, _ = _import_webdataset()
    from webdataset.gopen import gopen_schemes

    scheme = name.partition("://")[0] if "://" in name and not name.startswith("pipe:") else ""
    if not scheme or scheme in gopen_schemes:
        try:
            stream = gopen(name)
        except OSError as error:
            raise DataError(f"{name}: cannot be read ({error.strerror or error})") from error
        if hasattr(stream, "ignore_errors"):
            # A command's pipe raises by itself if it happens to find the command ended, which depends on the moment;
            # `_require_success` asks when all has been read.
            stream.ignore_errors = True
        return stream
    try:
        import fsspec

        return fsspec.open(name, "rb").open()
    except ImportError as error:
        raise MissingDependencyError(f"{name}: {scheme}:// needs fsspec and its package for it ({error})") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{name}: cannot be read ({error})") from error


class _StrictHeader(tarfile.TarInfo):
    """A tar without its end, or with a damaged header behind the first, is an error and not a shorter tar."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise DataError(f"the tar was cut short or is damaged at byte {tar.offset} ({error})") from error


def _require_success(stream: Any) -> None:
    """Refuse what a command gave that has ended with an error: its end comes before its exit code, as that of a tar.

    Raises:
        DataError: with the code, and what those of curl mean.
    """
    process = getattr(stream, "proc", None)
    if process is None or process.stdout.closed or process.stdout.read(1):
        return  # no command, or one that has more to say: the tar itself is damaged
    status = process.wait()
    if status:
        fetched = isinstance(process.args, list) and process.args[0] == "curl"
        meaning = f"{_CURL.get(status, 'it could not be fetched')}; curl" if fetched else "its command"
        raise DataError(f"{meaning} ended with exit code {status}")


def _text(content: bytes | None) -> str:
    return "" if content is None else content.decode("utf-8-sig", "replace").strip()


def _columns(content: bytes | None) -> dict[str, str]:
    """What a `.json` member has on a recording."""
    try:
        entry = json.loads(content or b"{}")
    except ValueError:
        return {}
    return scalars(entry) if isinstance(entry, dict) else {}


def _import_webdataset() -> tuple[Callable[..., Any], ...]:
    try:
        from webdataset.gopen import gopen
        from webdataset.tariterators import group_by_keys
    except ImportError as error:
        raise MissingDependencyError(
            'tar shards need webdataset; install it with pip install "wavcube[train]"'
        ) from error
    return gopen, group_by_keys
