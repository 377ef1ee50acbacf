"""What is clean in a mixture, as lists name it."""

from pathlib import Path

from wavcube.data.clip import Clip
from wavcube.errors import DataError


def clean_beside(data: Path, clip: Clip, column: str) -> Path:
    """The clean recording that a column of a list names beside a mixture.

    Raises:
        DataError: no such column or recording, or the mixture is a part of a recording.
    """
    if not clip.columns.get(column):
        raise DataError(f"{data}: no clean recording beside {clip.path}; the list needs a column `{column}`")
    path = data.parent / clip.columns[column]
    if not path.is_file():
        raise DataError(f"{data}: {path} does not exist")
    if clip.is_part:
        raise DataError(f"{data}: {clip.name} is a part of a recording; write parts out as files")
    return path
