"""The base classes of tasks: reading data, building a head, measuring its predictions."""

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from wavcube.errors import ConfigError, DataError, MissingDependencyError
from wavcube.features.shards import CachedFrames
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus, Example, check_splits, some, with_durations
from wavcube.understanding.corpora.manifest import is_manifest
from wavcube.understanding.corpora.official import Source, wanted_recordings
from wavcube.understanding.corpora.stored import StoredRecordings
from wavcube.understanding.training.batches import Batch


@dataclass(frozen=True)
class Measure:
    """A figure that a task reports.

    Attributes:
        name: in results.
        heading: in tables.
        unit: "" if it has none.
        more_is_better: which way it is compared.
        decimals: that are printed.
        needs: what a user has to give for it, where that is left to him; results without it lack the figure.
    """

    name: str
    heading: str
    unit: str
    more_is_better: bool
    decimals: int = 2
    needs: str = ""

    @property
    def left_out(self) -> str:
        """The sentence in place of the figure, where what it needs was not given."""
        return f"{self.heading} is left out: it needs {self.needs}"


class Task(ABC):
    """One of SUPERB's tasks.

    Attributes:
        name: as on the command line.
        title: in words.
        official: its official corpus.
        measures: what is reported; the first one chooses learning rate and checkpoint.
        recipe: SUPERB's settings.
        packages: that its figures come from, by the name that is imported.
        needs_audio: whether frames alone do not suffice.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    official: ClassVar[Source]
    measures: ClassVar[tuple[Measure, ...]]
    recipe: ClassVar[ProbeConfig]
    packages: ClassVar[tuple[str, ...]] = ()
    needs_audio: ClassVar[bool] = False

    def require_packages(self) -> None:
        """Refuse to start without what the figures come from.

        Raises:
            MissingDependencyError: a package is not installed.
        """
        absent = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if absent:
            raise MissingDependencyError(
                f'{self.title.lower()} needs {" and ".join(absent)}: pip install "wavcube[superb]"'
            )

    @abstractmethod
    def read(self, data: Path, recipe: ProbeConfig) -> list[Corpus]:
        """The corpus of an official folder or of a manifest; several where the task has folds.

        Recordings that lists name are not looked for yet.

        Raises:
            DataError: what is missing, with where to get it; or malformed.
        """

    def load(
        self, data: Path, recipe: ProbeConfig, progress: bool = False, stored: StoredRecordings | None = None
    ) -> list[Corpus]:
        """What `read` gives, with durations, and checked.

        Args:
            data: official folder or manifest.
            recipe: settings.
            progress: whether to show a bar.
            stored: latents that take the place of the audio.

        Raises:
            DataError: what is missing or wrong, by name.
            ConfigError: latents, for a task that needs the audio.
        """
        if stored is not None and self.needs_audio:
            raise ConfigError(f"{self.title.lower()} computes waveforms and needs the recordings; leave out --latents")
        corpora = self.read(data, recipe)
        if stored is None:
            self._require_recordings(corpora, data)
            corpora = with_durations(corpora, progress)
        else:
            corpora = stored.replace_audio(corpora, data)
        for corpus in corpora:
            self.check(corpus, data)
        return corpora

    def _require_recordings(self, corpora: Sequence[Corpus], data: Path) -> None:
        paths = dict.fromkeys(example.clip.path for corpus in corpora for example in corpus.examples)
        if not is_manifest(data):
            wanted_recordings(paths, self.official)
            return
        absent = [str(path.relative_to(data.parent) if path.is_relative_to(data.parent) else path)
                  for path in paths if not path.is_file()]  # fmt: skip
        if absent:
            raise DataError(f"{data}: {len(absent)} recordings do not exist: {some(absent)}")

    def check(self, corpus: Corpus, source: Path) -> None:
        """Refuse a corpus that cannot be trained on or would give a wrong figure.

        Raises:
            DataError: what is wrong, by name.
        """
        check_splits(corpus, source)

    @abstractmethod
    def measure(self, outcomes: np.ndarray) -> dict[str, float]:
        """The figures, of outcomes [N, ...] of the items that a split is scored by.

        Without those that need something which was not given.
        """


class ProbeTask(Task):
    """A task whose head is trained."""

    @abstractmethod
    def head(self, corpus: Corpus, recipe: ProbeConfig, dim: int, frame_rate: float) -> nn.Module:
        """The head, which takes frames [B, T, dim], `frame_rate` of them a second, and lengths [B]."""

    @abstractmethod
    def loss(self, head: nn.Module, output: Tensor, batch: Batch, corpus: Corpus) -> Tensor:
        """The training loss of a batch's output of the head."""

    @abstractmethod
    def predict(self, output: Tensor, batch: Batch, corpus: Corpus) -> Sequence[Any]:
        """The head's predictions, one an example of the batch."""

    @abstractmethod
    def outcomes(self, corpus: Corpus, split: str, said: dict[str, Any]) -> np.ndarray:
        """Outcomes of a split, [N, ...], from the prediction for each of its examples, by key."""

    def choose(self, dev: np.ndarray, test: np.ndarray) -> np.ndarray:
        """Outcomes of test, with whatever setting of the scoring that dev chose."""
        return test


class SearchTask(Task):
    """A task without training: frames are compared as they are."""

    @abstractmethod
    def search(self, corpus: Corpus, frames: CachedFrames, progress: bool) -> tuple[np.ndarray, np.ndarray, dict]:
        """Outcomes of dev and test, and further facts for the report."""


class PooledTask(ProbeTask):
    """A task that gives each recording one class."""

    measures = (Measure("accuracy", "Acc", "%", True),)

    def head(self, corpus: Corpus, recipe: ProbeConfig, dim: int, frame_rate: float) -> nn.Module:
        from wavcube.understanding.heads import PooledLinear

        return PooledLinear(dim, recipe.width, len(corpus.labels))

    def loss(self, head: nn.Module, output: Tensor, batch: Batch, corpus: Corpus) -> Tensor:
        index = {label: i for i, label in enumerate(corpus.labels)}
        targets = torch.tensor([index[example.target] for example in batch.examples], device=output.device)
        return nn.functional.cross_entropy(output, targets)

    def predict(self, output: Tensor, batch: Batch, corpus: Corpus) -> list[Any]:
        return [corpus.labels[i] for i in output.argmax(1).tolist()]

    def outcomes(self, corpus: Corpus, split: str, said: dict[str, Any]) -> np.ndarray:
        return np.array([[said[e.clip.name] == e.target] for e in corpus.splits[split]], float)

    def measure(self, outcomes: np.ndarray) -> dict[str, float]:
        return {"accuracy": 100.0 * float(outcomes[:, 0].mean())}


def labels_of(examples: Sequence[Example]) -> list[Any]:
    """The classes of examples, sorted."""
    return sorted({example.target for example in examples})
