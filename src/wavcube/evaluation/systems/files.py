"""Reconstructions that some other program has written, under evaluation."""

from collections.abc import Sequence
from pathlib import Path

from wavcube.audio.io import load_audio
from wavcube.data.manifests.utterances import Utterance, paired_files
from wavcube.evaluation.metric import Recording
from wavcube.evaluation.systems.base import EVALUATION_RATE, System
from wavcube.hashing import fingerprint_file


class Files(System):
    """A folder with one file for each utterance, of the same name; any rate, any suffix of audio."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.name = self.folder.name
        self.title = f"files of the folder {self.folder.name}"
        self.fingerprint = "files"
        self._paths: dict[str, Path] = {}

    def check(self, utterances: Sequence[Utterance]) -> None:
        self._paths = paired_files(utterances, self.folder)

    def fingerprint_for(self, name: str) -> str:
        return f"{self.fingerprint} {fingerprint_file(self._paths[name])}"

    def reconstruct(self, originals: Sequence[Recording]) -> list[Recording]:
        return [
            Recording(load_audio(self._paths[original.name], EVALUATION_RATE), EVALUATION_RATE, original.name)
            for original in originals
        ]
