"""The alignment of a corpus: computed once, kept beside its frames."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from wavcube.data.stored_latents.clips import stored_place
from wavcube.errors import DataError
from wavcube.features import FrameCache
from wavcube.features.spectral import Mfcc
from wavcube.files import atomic_path
from wavcube.generation.tts.durations.forced_aligner import ROUNDS, ForcedAligner, Item
from wavcube.generation.tts.text.vocabulary import Vocabulary
from wavcube.generation.tts.training.dataset import SpeechCorpus, TTSExample
from wavcube.hashing import short_digest
from wavcube.progress import Progress

LEARN_FROM = 5_000
"""Utterances of the first corpus that the aligner learns from, at most, taken evenly."""


def align_corpora(
    corpora: Sequence[SpeechCorpus], vocabulary: Vocabulary, cache: str | Path, show_progress: bool = False
) -> None:
    """Give every utterance the seconds at which its tokens end; utterances too short for their text are left out.

    The aligner learns from the first corpus. What was found is kept in the folder `cache`, so that the same corpora are
    aligned once.

    Raises:
        DataError: nothing is left of a corpus, or it is of latents alone.
    """
    features = FrameCache(Mfcc(), cache)
    clips = [replace(one.utterance, name=one.key) for corpus in corpora for one in corpus.examples]
    silent = next((place for clip in clips if (place := stored_place(clip))), None)
    if silent:
        raise DataError(
            f"{silent.folder}: holds latents without audio, and text_alignment: duration aligns words by the audio; "
            "train on the recordings, or with --set model.transformer.text_alignment=uniform"
        )
    features.extract(list({clip.name: clip for clip in clips}.values()), progress=show_progress)
    examples = [one for corpus in corpora for one in corpus.examples]
    items: list[Item] = [(one.key, one.token_ids) for one in examples]
    learnt_from = items[: len(corpora[0])][:: -(-len(corpora[0]) // LEARN_FROM)]
    content = json.dumps([features.extractor.fingerprint, vocabulary.tokens, len(learnt_from), items])
    path = Path(cache) / f"alignment-{short_digest(content)}.npz"
    if not path.is_file():
        _write(path, _align(items, learnt_from, vocabulary, features, show_progress))
    with np.load(path) as found:
        ends = np.split(found["ends"], np.cumsum(found["counts"])[:-1])
    rate = features.extractor.frame_rate
    for one, frames in zip(examples, ends, strict=True):
        one.ends = frames / rate if len(frames) else None
    for corpus in corpora:
        kept = [one for one in corpus.examples if one.ends is not None]
        corpus.leave_out(len(corpus) - len(kept), "too short for the text to be aligned")
        corpus.examples = kept
        if not kept:
            raise DataError("no utterance is long enough for its text to be aligned")


def _align(
    items: list[Item], learnt_from: list[Item], vocabulary: Vocabulary, features: FrameCache, show_progress: bool
) -> list[np.ndarray | None]:
    aligner = ForcedAligner(torch.tensor([False, *vocabulary.pauses]), features.__getitem__)
    with Progress(disable=not show_progress, transient=True) as progress:
        task = progress.add_task("aligning", total=ROUNDS + 1)
        aligner.fit(learnt_from, lambda done: progress.update(task, completed=done))
        return aligner.ends(items)


def _write(path: Path, ends: list[np.ndarray | None]) -> None:
    found = [np.zeros(0, np.int32) if one is None else one for one in ends]
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, ends=np.concatenate(found), counts=np.array([len(one) for one in found]))


def token_durations(example: TTSExample) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids [N] and seconds [N] of the tokens of an aligned utterance."""
    assert example.ends is not None
    return torch.tensor(example.token_ids), torch.from_numpy(np.diff(example.ends, prepend=0.0))
