"""Files in and out: finding the inputs that a user names, and writing outputs that are whole or absent."""

import errno
import glob
import os
import shutil
import stat
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wavcube.errors import InputWarning, WavCubeError


def readable(path: str | os.PathLike[str]) -> str:
    """A path as text that every file and terminal takes, also where its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@contextmanager
def utf8_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path of the same file for libraries that open no name but UTF-8; to be used inside the block."""
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:  # only Linux has such names
        with open(path, "rb") as file:
            yield Path(f"/proc/self/fd/{file.fileno()}")
    else:
        yield Path(path)


def reason(error: Exception) -> str:
    """Why something could not be written, in the words of the system."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "No space left on device" in str(error):
        return FULL
    return (isinstance(error, OSError) and error.strerror) or str(error)


FULL = "the disk is full"

SMALLEST_ROOM = 4096
"""Bytes free below which a disk counts as full."""


@dataclass(frozen=True)
class FoundFile:
    """An input file, and its place below the folder or pattern that it was found by (to mirror it elsewhere)."""

    path: Path
    relative: Path


@contextmanager
def saying_when_full(path: str | os.PathLike[str]) -> Iterator[None]:
    """Make every library's error of a disk without room an `OSError` that `reason` knows, and that names the file.

    Raises:
        OSError: ENOSPC, where a block that writes `path` fails and there is no room left beside it; or what the system
            said of a write without saying of which file.
    """
    try:
        yield
    except Exception as error:
        if _is_full(error, Path(path).parent):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path)) from error
        if isinstance(error, OSError) and error.errno and error.filename is None:
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise


def _is_full(error: Exception, folder: Path) -> bool:
    if reason(error) == FULL:
        return True
    try:
        return shutil.disk_usage(folder).free < SMALLEST_ROOM
    except OSError:
        return False


def follow_umask(*paths: Path) -> None:
    """Give files that a library keeps to their owner the mode that files have here by default."""
    for path in paths:
        probe = path.with_name(f".{uuid.uuid4().hex[:12]}.part")
        probe.touch()
        mode = stat.S_IMODE(probe.stat().st_mode)
        probe.unlink()
        path.chmod(mode)


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it takes the name `path` only if the block ends without error.

    Whatever interrupts the writing (an error, Ctrl-C, a kill), no half-written file ever bears the final name.
    """
    path = Path(path)
    # Not tempfile: its files are readable by their owner only, and the final file would stay so.
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}.part")
    try:
        with saying_when_full(path):
            temporary.touch()
            mode = stat.S_IMODE(temporary.stat().st_mode)
            yield temporary
        temporary.chmod(mode)  # whatever library wrote it, some keep files to their owner
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def find_files(
    inputs: Iterable[str | os.PathLike[str]],
    suffixes: Collection[str],
    kind: str,
    error: type[WavCubeError],
    belongs: Callable[[Path], bool] = lambda path: False,
    accompanies: Callable[[Path], bool] = lambda path: False,
) -> list[FoundFile]:
    """Find the files that files, folders (searched recursively) and glob patterns (`**` allowed) name.

    A folder contributes its files with one of `suffixes` (lower case, with the dot), and others that `belongs` takes;
    hidden ones are left out, and what else is left out an `InputWarning` says. Links are followed, and a file that has
    two names is found by both. A folder that cannot be read is itself found, so that whoever reads it reports it. A
    file that is named itself, or matched by a pattern, is taken whatever its suffix. Sorted by path, each name once.

    Args:
        inputs: what the user gave.
        suffixes: what counts in a folder.
        kind: what is looked for, in the words of the error ("audio").
        error: raised where an input does not exist, or gives nothing.
        belongs: whether a file with another suffix counts too.
        accompanies: whether a file is read beside those found, as transcripts are, so that it is not left out.
    """
    found: dict[str, FoundFile] = {}
    for given in inputs:
        path, text = Path(given), os.fspath(given)
        left_out: list[Path] = []
        if path.is_dir():
            here = _in_folder(path, suffixes, belongs, left_out)
            if not here:
                raise error(f"{path}: this folder holds no {kind} file ({', '.join(sorted(suffixes))})")
        elif path.exists() or path.is_symlink():
            here = [FoundFile(path, Path(path.name))]
        elif glob.has_magic(text):
            here = _matching(text, suffixes, belongs, left_out)
            if not here:
                raise error(f"{text}: no {kind} file matches this pattern")
        else:
            raise error(f"{path}: no such file or folder")
        left_out = [file for file in left_out if not accompanies(file)]
        if left_out:
            endings = Counter(file.suffix.lower() or "no suffix" for file in left_out)
            most = ", ".join(f"{count} {ending}" for ending, count in endings.most_common(5))
            more = f" and {len(endings) - 5} other suffixes" if len(endings) > 5 else ""
            files = "1 file that is" if len(left_out) == 1 else f"{len(left_out)} files that are"
            warnings.warn(f"{readable(path)}: left out {files} no {kind} ({most}{more})", InputWarning, stacklevel=3)
        for file in here:
            found.setdefault(os.path.abspath(file.path), file)
    return sorted(found.values(), key=lambda file: file.path)


def _in_folder(
    folder: Path, suffixes: Collection[str], belongs: Callable[[Path], bool], left_out: list[Path]
) -> list[FoundFile]:
    """The files of a folder and those below it; a folder that cannot be listed stands for its files."""
    files: list[FoundFile] = []

    def search(parent: Path, above: frozenset[str]) -> None:
        try:
            # Links are followed, but not into a folder that this one lies in: that would never end.
            own = os.path.realpath(parent)
            entries = sorted(os.scandir(parent), key=lambda entry: entry.name)
        except OSError:
            files.append(FoundFile(parent, Path(folder.name or "folder", parent.relative_to(folder))))
            return
        for entry in entries:
            # macOS leaves `._speech.wav` beside speech.wav on foreign disks: no audio in it.
            if entry.name.startswith("."):
                continue
            path = parent / entry.name
            if path.is_dir():
                if os.path.realpath(path) not in above | {own}:
                    search(path, above | {own})
            elif path.suffix.lower() in suffixes or belongs(path):
                files.append(FoundFile(path, path.relative_to(folder)))
            else:
                left_out.append(path)

    search(folder, frozenset())
    return files


def _matching(
    pattern: str, suffixes: Collection[str], belongs: Callable[[Path], bool], left_out: list[Path]
) -> list[FoundFile]:
    parts = Path(pattern).parts
    root = Path(*parts[: next(i for i, part in enumerate(parts) if glob.has_magic(part))])
    files = []
    for match in map(Path, glob.glob(pattern, recursive=True)):
        if not match.is_dir():
            files.append(FoundFile(match, match.relative_to(root)))
        else:
            below = _in_folder(match, suffixes, belongs, left_out)
            files += [FoundFile(file.path, match.relative_to(root) / file.relative) for file in below]
    return files
