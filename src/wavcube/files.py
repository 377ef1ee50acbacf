"""Files in and out: finding the inputs that a user names, and writing outputs that are whole or absent."""

import errno
import glob
import os
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wavcube.errors import WavCubeError


def readable(path: str | os.PathLike[str]) -> str:
    """A path as text that every file and terminal takes, also where its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace").replace(os.sep, "/")


def reason(error: Exception) -> str:
    """Why something could not be written, in the words of the system."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "No space left on device" in str(error):
        return "the disk is full"
    return (isinstance(error, OSError) and error.strerror) or str(error)


@dataclass(frozen=True)
class FoundFile:
    """An input file, and its place below the folder or pattern that it was found by (to mirror it elsewhere)."""

    path: Path
    relative: Path


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it takes the name `path` only if the block ends without error.

    Whatever interrupts the writing (an error, Ctrl-C, a kill), no half-written file ever bears the final name.
    """
    path = Path(path)
    # Not tempfile: its files are readable by their owner only, and the final file would stay so.
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def find_files(
    inputs: Iterable[str | os.PathLike[str]], suffixes: Collection[str], kind: str, error: type[WavCubeError]
) -> list[FoundFile]:
    """Find the files that files, folders (searched recursively) and glob patterns (`**` allowed) name.

    A folder contributes its files with one of `suffixes` (lower case, with the dot), hidden ones left out; a file that
    is named itself, or matched by a pattern, is taken whatever its suffix. Sorted by path, each file once.

    Args:
        inputs: what the user gave.
        suffixes: what counts in a folder.
        kind: what is looked for, in the words of the error ("audio").
        error: raised where an input does not exist, or gives nothing.
    """
    found: dict[Path, FoundFile] = {}
    for given in inputs:
        path, text = Path(given), os.fspath(given)
        if path.is_dir():
            here = _in_folder(path, suffixes)
            if not here:
                raise error(f"{path}: this folder holds no {kind} file ({', '.join(sorted(suffixes))})")
        elif path.exists():
            here = [FoundFile(path, Path(path.name))]
        elif glob.has_magic(text):
            here = _matching(text, suffixes)
            if not here:
                raise error(f"{text}: no {kind} file matches this pattern")
        else:
            raise error(f"{path}: no such file or folder")
        for file in here:
            found.setdefault(file.path.resolve(), file)
    return sorted(found.values(), key=lambda file: file.path)


def _in_folder(folder: Path, suffixes: Collection[str]) -> list[FoundFile]:
    files = []
    for parent, subfolders, names in os.walk(folder):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            # macOS leaves `._speech.wav` beside speech.wav on foreign disks: no audio in it.
            if path.suffix.lower() in suffixes and not name.startswith("."):
                files.append(FoundFile(path, path.relative_to(folder)))
    return files


def _matching(pattern: str, suffixes: Collection[str]) -> list[FoundFile]:
    parts = Path(pattern).parts
    root = Path(*parts[: next(i for i, part in enumerate(parts) if glob.has_magic(part))])
    files = []
    for match in map(Path, glob.glob(pattern, recursive=True)):
        if match.is_file():
            files.append(FoundFile(match, match.relative_to(root)))
        else:
            below = _in_folder(match, suffixes)
            files += [FoundFile(file.path, match.relative_to(root) / file.relative) for file in below]
    return files
