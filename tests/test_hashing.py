"""Digests keep their values: they are the keys of results, caches and exports that users have on disk."""

from pathlib import Path

import pytest

from wavcube.errors import CheckpointError
from wavcube.hashing import digest, digest_file, fingerprint_file, short_digest


def test_digests_are_those_of_the_first_version(tmp_path: Path) -> None:
    assert digest("speech\nmel") == digest(b"speech\nmel") == "5af3b63f25ae4397bf5d2de1"
    assert digest("speech", 6) == "dae07e85bb71"
    assert short_digest("wavcube-latents-0") == short_digest("wavcube-", b"latents-0") == "f738b6fbc3b9abc4"
    (tmp_path / "file").write_bytes(b"speech\nmel")
    assert digest_file(tmp_path / "file") == fingerprint_file(tmp_path / "file") == digest("speech\nmel")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="missing: cannot be read"):
        fingerprint_file(tmp_path / "missing")
