"""Examples of a task in three splits, and the checks that come before training."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from wavcube.data.clip import SLACK_S, Clip, filled, header_seconds
from wavcube.errors import DataError


@dataclass(frozen=True)
class Example:
    """A recording and its target.

    Attributes:
        clip: where its audio is.
        target: label, labels, text or segments, as the task has them.
        speaker: who speaks, where known.
    """

    clip: Clip
    target: Any
    speaker: str | None = None


@dataclass(frozen=True)
class Collection:
    """All queries that are in any recording, and all recordings, whatever part of them is searched."""

    queries: int
    recordings: int


@dataclass
class Corpus:
    """Examples of one task in three splits.

    Attributes:
        train: what heads learn from.
        dev: what learning rate and checkpoint are chosen on.
        test: what is reported.
        labels: what the outputs of the head stand for, where the task has a fixed set of them.
        name: of a fold, where the task has several.
        trials: pairs to compare, by split (speaker verification only).
        searched: recordings that queries are searched in (query by example only).
        collection: what those, and a split's queries, are part of (query by example only).
        models: what reads and recognises what was made, by "asr" and "speaker", where given (voice conversion only).
    """

    train: list[Example]
    dev: list[Example]
    test: list[Example]
    labels: list[Any] = field(default_factory=list)
    name: str = ""
    trials: dict[str, list[tuple[str, str, bool]]] = field(default_factory=dict)
    searched: list[Example] = field(default_factory=list)
    collection: dict[str, Collection] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        splits: dict[str, list[Example]],
        labels: list[Any] | None = None,
        trials: dict[str, list[tuple[str, str, bool]]] | None = None,
    ) -> Self:
        """A corpus of its splits by name."""
        return cls(splits["train"], splits["dev"], splits["test"], labels or [], trials=trials or {})

    @property
    def splits(self) -> dict[str, list[Example]]:
        return {"train": self.train, "dev": self.dev, "test": self.test}

    @property
    def examples(self) -> list[Example]:
        return [*self.train, *self.dev, *self.test, *self.searched]

    def with_clips(self, change: Callable[[Clip], Clip]) -> Self:
        """The same corpus with other clips of the same names."""

        def changed(examples: list[Example]) -> list[Example]:
            return [replace(example, clip=change(example.clip)) for example in examples]

        return replace(
            self,
            train=changed(self.train),
            dev=changed(self.dev),
            test=changed(self.test),
            searched=changed(self.searched),
        )


def with_durations(corpora: Iterable[Corpus], progress: bool = False) -> list[Corpus]:
    """The same corpora with the durations of all clips; the header of every recording is read once.

    Raises:
        DataError: parts that end after their recordings do, by name.
    """
    corpora = list(corpora)
    totals = header_seconds((example.clip.path for corpus in corpora for example in corpus.examples), progress)
    found = [corpus.with_clips(lambda clip: filled(clip, totals[clip.path])) for corpus in corpora]
    check_ends(found, {path: seconds for path, seconds in totals.items() if seconds is not None}, end_of_part)
    return found


def end_of_part(example: Example) -> float:
    """Where the clip of an example ends in its recording, in seconds."""
    return (example.clip.start or 0.0) + (example.clip.seconds or 0.0)


def check_ends(corpora: Iterable[Corpus], totals: Mapping[Path, float], end: Callable[[Example], float]) -> None:
    """Refuse what reaches over the end of a recording.

    Args:
        corpora: whose examples are looked at.
        totals: seconds of each recording whose header can be read.
        end: how far into its recording an example reaches, in seconds.

    Raises:
        DataError: which do, and by how much.
    """
    over: dict[str, None] = {}
    for example in (example for corpus in corpora for example in corpus.examples):
        total = totals.get(example.clip.path)
        if total is not None and end(example) > total + SLACK_S:
            over[f"{example.clip.name} (up to {end(example):.2f} s of {total:.2f} s)"] = None
    if over:
        raise DataError(f"{len(over)} parts or labels reach over the end of their recordings: {some(over)}")


def check_splits(corpus: Corpus, source: Path) -> None:
    """Refuse an empty split, and a recording in two splits.

    Raises:
        DataError: what is wrong, by name.
    """
    seen: dict[str, str] = {}
    for split, examples in corpus.splits.items():
        if not examples:
            raise DataError(f"{source}: the {split} split is empty{_fold(corpus)}")
        for example in examples:
            key = example.clip.name
            if key in seen:
                raise DataError(f"{source}: {key} is in {seen[key]} and in {split}{_fold(corpus)}")
            seen[key] = split


def check_classes(corpus: Corpus, source: Path, classes: Callable[[Example], Any] = lambda e: e.target) -> None:
    """Refuse a class with a single training example, and classes of dev or test that training never saw.

    Raises:
        DataError: the classes, by name.
    """
    counts = Counter(classes(example) for example in corpus.train)
    single = sorted(str(label) for label, count in counts.items() if count == 1)
    if single:
        raise DataError(f"{source}: only one training example of {some(single)}{_fold(corpus)}")
    if len(counts) < 2:
        raise DataError(f"{source}: all training examples are of one class, {some(map(str, counts))}")
    for split in ("dev", "test"):
        unknown = sorted({str(classes(e)) for e in corpus.splits[split] if classes(e) not in counts})
        if unknown:
            raise DataError(f"{source}: {split} has classes that train has not: {some(unknown)}{_fold(corpus)}")


def check_speakers_apart(corpus: Corpus, source: Path) -> None:
    """Refuse a speaker of the training split in dev or test.

    Raises:
        DataError: the speakers, by name.
    """
    train = {example.speaker for example in corpus.train} - {None}
    for split in ("dev", "test"):
        shared = sorted(str(speaker) for speaker in train & {e.speaker for e in corpus.splits[split]})
        if shared:
            raise DataError(
                f"{source}: speakers of train are in {split} too, which this task forbids: "
                f"{some(shared)}{_fold(corpus)}"
            )


def some(things: Iterable[str], most: int = 4) -> str:
    """The first few of a list, for an error message, and how many more there are."""
    texts = list(things)
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def _fold(corpus: Corpus) -> str:
    return f" ({corpus.name})" if corpus.name else ""
