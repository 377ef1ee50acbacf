"""One process (group) trains in a run's folder at a time."""

import datetime
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from wavcube.errors import ConfigError

try:
    import fcntl
except ImportError:  # no POSIX locks: the process's number alone decides
    fcntl = None  # type: ignore[assignment]

LOCK = "lock"


@contextmanager
def lock_run(folder: Path) -> Iterator[None]:
    """Hold a run's folder, which is made if need be; one that stays empty goes again.

    The system frees the lock of a process that has died, however it died, and the next one takes it over.

    Raises:
        ConfigError: another process trains there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    file = _locked(path)
    file.seek(0)
    file.truncate()
    started = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    json.dump({"pid": os.getpid(), "host": socket.gethostname(), "started": started}, file)
    file.flush()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        file.close()
        with suppress(OSError):
            folder.rmdir()  # refused where there is anything in it


def _locked(path: Path) -> IO[str]:
    """The lock file, open and locked."""
    while True:
        file = path.open("a+", encoding="utf-8")
        if not _take(file):
            file.seek(0)
            holder = _holder(file.read())
            file.close()
            raise ConfigError(
                f"{path.parent}: {holder} is training in it; wait for it, stop it, or choose another folder"
            )
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()  # whoever held it removed it in between: this file has no name any more


def _take(file: IO[str]) -> bool:
    if fcntl is not None:
        try:
            # Of this process alone: those that it forks to load data do not keep it when it dies.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except (BlockingIOError, PermissionError):
            return False
        except OSError:  # a file system without locks
            pass
    file.seek(0)
    try:
        holder = json.loads(file.read())
        return holder["host"] == socket.gethostname() and not _alive(int(holder["pid"]))
    except (ValueError, KeyError, TypeError):
        return True


def _alive(pid: int) -> bool:
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _holder(text: str) -> str:
    try:
        holder = json.loads(text)
        return f"process {holder['pid']} on {holder['host']} (since {holder['started']})"
    except (ValueError, KeyError, TypeError):
        return "another process"
