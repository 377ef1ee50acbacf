"""Transcribed speech to train on: manifests and folders -> utterances with frames on disk and numbered texts."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from wavcube.data.manifests.utterances import Utterance, read_utterances
from wavcube.errors import DataError
from wavcube.features import Clip, FrameCache, Frontend
from wavcube.generation.tts.text.frontend import FrontEnd
from wavcube.generation.tts.text.vocabulary import Vocabulary
from wavcube.generation.tts.training.config import CorpusSettings, DataSettings


@dataclass
class SpeechBatch:
    """A padded batch.

    Attributes:
        values: frames [B, T, C] as the representation gives them, float32.
        lengths: [B], frames of each.
        text: numbers [B, N], filler behind each text's end.
        ends: [B, N], the frame at which each symbol ends, infinity behind each text's end; None if they are not known.
    """

    values: Tensor
    lengths: Tensor
    text: Tensor
    ends: Tensor | None = None

    def to(self, device: torch.device, non_blocking: bool = False) -> "SpeechBatch":
        values, lengths, text = (
            t.to(device, non_blocking=non_blocking) for t in (self.values, self.lengths, self.text)
        )
        ends = None if self.ends is None else self.ends.to(device, non_blocking=non_blocking)
        return SpeechBatch(values, lengths, text, ends)


def read_corpora(corpora: Sequence[CorpusSettings]) -> list[Utterance]:
    """Utterances of manifests and folders, see `read_utterances`.

    Raises:
        DataError: nothing there, or malformed.
    """
    found: list[Utterance] = []
    for corpus in corpora:
        filters = [f"{column}={value}" for column, values in corpus.where.items() for value in values.split("|")]
        found += read_utterances(corpus.path, filters, corpus.limit or None)
    return found


@dataclass
class Spoken:
    """An utterance that training uses.

    Attributes:
        utterance: where it is.
        numbers: of its text.
        frames: how many it has.
        ends: [N], the second at which each symbol ends, once it is known (alignment.py).
    """

    utterance: Utterance
    numbers: list[int]
    frames: int
    ends: np.ndarray | None = None

    @property
    def key(self) -> str:
        """Its name in caches."""
        return _key(self.utterance)


class SpeechCorpus:
    """Utterances whose frames lie on disk.

    Args:
        utterances: see `read_corpora`.
        frontend: what makes their frames.
        front_end: text -> symbols.
        vocabulary: their numbers.
        settings: the cache, and which lengths are used.
        show_progress: draw a bar while frames are computed.

    Attributes:
        spoken: what can be used.
        left_out: how many were not, by reason.

    Raises:
        DataError: nothing can be used.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        frontend: Frontend,
        front_end: FrontEnd,
        vocabulary: Vocabulary,
        settings: DataSettings,
        *,
        show_progress: bool = False,
    ) -> None:
        self.cache = FrameCache(frontend, settings.cache)
        self.left_out: Counter[str] = Counter()
        kept = []
        for utterance in utterances:
            symbols = front_end(utterance.transcript or "")
            reason = _fault(utterance, symbols, vocabulary, settings)
            if reason:
                self.left_out[reason] += 1
            else:
                kept.append((utterance, vocabulary.encode(symbols)))
        # The same recording in two corpora is one clip.
        clips = {_key(utterance): Clip(_key(utterance), utterance.path) for utterance, _ in kept}
        self.cache.extract(list(clips.values()), progress=show_progress)
        self.spoken: list[Spoken] = []
        for utterance, numbers in kept:
            frames = self.cache.frames(_key(utterance))
            if len(numbers) > frames:
                self.left_out["more symbols than frames"] += 1
            else:
                self.spoken.append(Spoken(utterance, numbers, frames))
        if not self.spoken:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in self.left_out.items())
            raise DataError(f"none of {len(utterances)} utterances can be used: {reasons or 'there are none'}")

    def __len__(self) -> int:
        return len(self.spoken)

    @property
    def lengths(self) -> list[int]:
        """Frames of each utterance."""
        return [spoken.frames for spoken in self.spoken]

    @property
    def seconds(self) -> float:
        return sum(self.lengths) / self.cache.frontend.frame_rate

    def frames(self, index: int) -> np.ndarray:
        """Frames [T, C] of an utterance, float16, mapped from the disk."""
        return self.cache[self.spoken[index].key]

    def leave_out(self, count: int, reason: str) -> None:
        """Keep in mind that `count` utterances are not used."""
        if count:
            self.left_out[reason] += count

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation [C] of the frames; a channel that never changes has deviation 1."""
        mean, deviation = self.cache.statistics({spoken.key for spoken in self.spoken})
        deviation = np.where(deviation > 1e-5, deviation, 1.0)
        return torch.from_numpy(mean), torch.from_numpy(deviation.astype(np.float32))

    def batch(self, indices: Iterable[int]) -> SpeechBatch:
        indices = list(indices)
        values = [torch.from_numpy(self.frames(i).astype(np.float32)) for i in indices]
        return SpeechBatch(
            pad_sequence(values, True),
            torch.tensor([len(item) for item in values]),
            pad_sequence([torch.tensor(self.spoken[i].numbers) for i in indices], True),
            self._ends(indices),
        )

    def _ends(self, indices: list[int]) -> Tensor | None:
        rate = self.cache.frontend.frame_rate
        ends = [self.spoken[i].ends for i in indices]
        known = [torch.from_numpy(rate * one).float() for one in ends if one is not None]
        return pad_sequence(known, True, math.inf) if len(known) == len(ends) else None

    def summary(self) -> str:
        left = "; ".join(f"{count} left out: {reason}" for reason, count in self.left_out.items())
        return f"{len(self)} utterances, {self.seconds / 3600:.2f} h" + (f" ({left})" if left else "")


def _fault(utterance: Utterance, symbols: list[str], vocabulary: Vocabulary, settings: DataSettings) -> str | None:
    """Why an utterance cannot be used."""
    if not symbols:
        return "no transcript"
    if not settings.min_seconds <= utterance.seconds <= settings.max_seconds:
        return f"not {settings.min_seconds:g} to {settings.max_seconds:g} s"
    return "characters outside the vocabulary" if vocabulary.unknown(symbols) else None


def _key(utterance: Utterance) -> str:
    return str(utterance.path)
