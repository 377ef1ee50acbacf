"""Transcribed speech to train on: manifests and folders -> utterances with frames on disk and numbered texts."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from wavcube.data.clip import Clip, part_name
from wavcube.data.manifest import read_clips
from wavcube.errors import DataError
from wavcube.features import FeatureExtractor, FrameCache
from wavcube.generation.tts.text.frontend import TextFrontend
from wavcube.generation.tts.text.vocabulary import Vocabulary
from wavcube.generation.tts.training.config import CorpusSettings, DataSettings

UNKNOWN = "characters outside the vocabulary"
CHARACTERS_SHOWN = 10


@dataclass
class SpeechBatch:
    """A padded batch.

    Attributes:
        values: frames [B, T, C] as the representation gives them, float32.
        lengths: [B], frames of each.
        text: token ids [B, N], filler behind each text's end.
        ends: [B, N], the frame at which each token ends, infinity behind each text's end; None if they are not known.
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


def read_corpora(corpora: Sequence[CorpusSettings]) -> list[Clip]:
    """Utterances of manifests and folders, see `read_clips`.

    Raises:
        DataError: nothing there, or malformed.
    """
    found: list[Clip] = []
    for corpus in corpora:
        found += read_clips(corpus.path, corpus.where, corpus.limit or None)
    return found


def names_of(corpora: Sequence[CorpusSettings]) -> str:
    """The lists and folders of corpora, for errors."""
    return ", ".join(corpus.path for corpus in corpora)


@dataclass
class TTSExample:
    """An utterance to train on.

    Attributes:
        utterance: where it is.
        token_ids: of its text.
        frames: how many it has.
        ends: [N], the second at which each token ends, once it is known (alignment.py).
    """

    utterance: Clip
    token_ids: list[int]
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
        extractor: what makes their frames.
        text_frontend: text -> tokens.
        vocabulary: their numbers.
        settings: the cache, and which lengths are used.
        source: what the list of utterances is called in errors.
        show_progress: draw a bar while frames are computed.

    Attributes:
        examples: what can be used.
        left_out: how many were not, by reason.
        unknown: what the vocabulary lacks, with the number of utterances that were left out for it.

    Raises:
        DataError: nothing can be used.
    """

    def __init__(
        self,
        utterances: Sequence[Clip],
        extractor: FeatureExtractor,
        text_frontend: TextFrontend,
        vocabulary: Vocabulary,
        settings: DataSettings,
        *,
        source: str = "the data",
        show_progress: bool = False,
    ) -> None:
        self.cache = FrameCache(extractor, settings.cache)
        self.left_out: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        kept = []
        for utterance in utterances:
            tokens = text_frontend(utterance.transcript or "")
            reason = _fault(utterance, tokens, vocabulary, settings)
            if reason:
                self.left_out[reason] += 1
                self.unknown.update(vocabulary.unknown(tokens) if reason == UNKNOWN else ())
            else:
                kept.append((utterance, vocabulary.encode(tokens)))
        # The same recording in two corpora is one clip.
        clips = {_key(utterance): replace(utterance, name=_key(utterance)) for utterance, _ in kept}
        self.cache.extract(list(clips.values()), progress=show_progress)
        self.examples: list[TTSExample] = []
        for utterance, token_ids in kept:
            frames = self.cache.frames(_key(utterance))
            if len(token_ids) > frames:
                self.left_out["more tokens than frames"] += 1
            else:
                self.examples.append(TTSExample(utterance, token_ids, frames))
        if not self.examples:
            raise DataError(
                f"{source}: none of {len(utterances)} utterances can be used: {self._reasons() or 'there are none'}"
            )

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def lengths(self) -> list[int]:
        """Frames of each utterance."""
        return [example.frames for example in self.examples]

    @property
    def seconds(self) -> float:
        return sum(self.lengths) / self.cache.extractor.frame_rate

    def frames(self, index: int) -> np.ndarray:
        """Frames [T, C] of an utterance, float16, mapped from the disk."""
        return self.cache[self.examples[index].key]

    def leave_out(self, count: int, reason: str) -> None:
        """Keep in mind that `count` utterances are not used."""
        if count:
            self.left_out[reason] += count

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation [C] of the frames; 1 for a channel that never changes."""
        mean, std = self.cache.statistics({example.key for example in self.examples})
        std = np.where(std > 1e-5, std, 1.0)
        return torch.from_numpy(mean), torch.from_numpy(std.astype(np.float32))

    def batch(self, indices: Iterable[int]) -> SpeechBatch:
        indices = list(indices)
        values = [torch.from_numpy(self.frames(i).astype(np.float32)) for i in indices]
        return SpeechBatch(
            pad_sequence(values, True),
            torch.tensor([len(item) for item in values]),
            pad_sequence([torch.tensor(self.examples[i].token_ids) for i in indices], True),
            self._ends(indices),
        )

    def _ends(self, indices: list[int]) -> Tensor | None:
        rate = self.cache.extractor.frame_rate
        ends = [self.examples[i].ends for i in indices]
        known = [torch.from_numpy(rate * one).float() for one in ends if one is not None]
        return pad_sequence(known, True, math.inf) if len(known) == len(ends) else None

    def summary(self) -> str:
        left = f" (left out: {self._reasons()})" if self.left_out else ""
        return f"{len(self)} utterances, {self.seconds / 3600:.2f} h{left}"

    def _reasons(self) -> str:
        """Why utterances were left out, how many for each reason, and the characters that the vocabulary lacks."""
        characters = ", ".join(repr(token) for token, _ in self.unknown.most_common(CHARACTERS_SHOWN))
        more = ", ..." if len(self.unknown) > CHARACTERS_SHOWN else ""
        return ", ".join(
            f"{reason} ({count}{f': {characters}{more}' if reason == UNKNOWN else ''})"
            for reason, count in self.left_out.items()
        )


def _fault(utterance: Clip, tokens: list[str], vocabulary: Vocabulary, settings: DataSettings) -> str | None:
    """Why an utterance cannot be used."""
    if not tokens:
        return "no transcript"
    if utterance.seconds is None or not settings.min_seconds <= utterance.seconds <= settings.max_seconds:
        return f"not {settings.min_seconds:g} to {settings.max_seconds:g} s"
    return UNKNOWN if vocabulary.unknown(tokens) else None


def _key(utterance: Clip) -> str:
    path = str(utterance.path)
    return path if utterance.start is None else part_name(path, utterance.start, utterance.seconds)
