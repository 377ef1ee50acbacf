"""Lhotse Shar: folders with `cuts.000000.jsonl.gz`, `recording.000000.tar`, and so on."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wavcube.data.clip import Clip
from wavcube.data.config import SourceConfig
from wavcube.data.lhotse_cuts import clip_of_lhotse, import_lhotse
from wavcube.errors import DataError


@dataclass(frozen=True)
class SharShard:
    """The manifest and the audio of one shard."""

    cuts: str
    recording: str

    @property
    def name(self) -> str:
        return self.cuts

    def read(self) -> Iterator[Clip]:
        """Yield the clip of every cut.

        Raises:
            DataError: the audio ends before the cuts do.
        """
        from lhotse.serialization import load_jsonl
        from lhotse.shar import LazySharIterator

        count = 0
        for cut in LazySharIterator(fields={"cuts": [self.cuts], "recording": [self.recording]}):
            count += 1
            yield clip_of_lhotse(cut, os.path.dirname(self.recording))
        cuts = sum(1 for _ in load_jsonl(self.cuts))
        if count < cuts:  # Lhotse ends with whichever ends first
            raise DataError(f"{self.recording}: holds {count} recordings for {cuts} cuts; it was cut short")


def find_shar_shards(source: SourceConfig) -> list[SharShard]:
    """Pair the manifests and tar files in a Shar folder by their numbers.

    Raises:
        DataError: there are no shards, or the audio of one is missing.
    """
    import_lhotse()
    folder = Path(source.path)
    shards = []
    for cuts in sorted(folder.glob("cuts.*.jsonl*")):
        number = cuts.name.split(".")[1]
        recordings = sorted(folder.glob(f"recording.{number}.*"))
        if not recordings:
            raise DataError(f"{cuts}: the audio of this shard, recording.{number}.tar, is missing")
        shards.append(SharShard(os.fspath(cuts), os.fspath(recordings[0])))
    if not shards:
        raise DataError(f"{folder}: holds no Lhotse Shar shards (cuts.000000.jsonl.gz, recording.000000.tar)")
    return shards
