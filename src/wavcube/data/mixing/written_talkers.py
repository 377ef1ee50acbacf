"""Mixtures of two talkers as files, with each talker alone and recordings that they can be known by."""

from pathlib import Path

import numpy as np

from wavcube.audio.io import save_audio
from wavcube.data.clip import Clip, read_clip
from wavcube.data.mixing.pool import crop, sounding
from wavcube.data.mixing.talkers import TalkerMixer
from wavcube.data.mixing.written import write_listed
from wavcube.data.rows import Row
from wavcube.framing import SAMPLE_RATE

NUMBERS = (1, 2)
"""Of the talkers, in names of columns and files."""


def write_talker_mixtures(
    mixer: TalkerMixer,
    count: int,
    folder: Path,
    *,
    whole: bool = False,
    enrolments: bool = True,
    progress: bool = False,
) -> Path:
    """Write mixtures of whole utterances, as FLAC; where the list is.

    Each recording is the first talker once before one is so again. A talker's enrolment is another recording of the
    same speaker, or a part of it, as long as the mixer's configuration says or shorter.

    folder/mixtures/N.flac, folder/sources/N-1.flac and N-2.flac, folder/enrolments/N-1.flac and N-2.flac, and
    folder/mixtures.tsv with the columns path (of the mixture), split ("test"), seconds, difference_db, snr_db, and for
    both talkers source1, enrolment1 (empty where there is no other recording), speaker1, transcript1 (empty where the
    utterance is cut), language1, speech1; source2 and so on.

    Args:
        mixer: speech and levels.
        count: of mixtures.
        folder: new or empty.
        whole: whether the longer utterance stays whole, with silence after the shorter; otherwise it is cut to the
            shorter one's length.
        enrolments: whether to write them.
        progress: whether to show a bar.

    Raises:
        DataError: the folder holds something already.
        AudioError: a recording cannot be used.
    """
    clips = mixer.speech.clips
    order = np.random.default_rng(mixer.seed).permutation(len(clips))

    def written(number: int) -> Row:
        random = np.random.default_rng([mixer.seed, number])
        first = clips[order[number % len(clips)]]
        pair = (first, mixer.other_talker(first, random))
        talkers = [sounding(read_clip(clip), clip.name) for clip in pair]
        lengths = [len(talker) for talker in talkers]
        size = max(lengths) if whole else min(lengths)
        fitted = np.stack([np.pad(talker[:size], (0, max(0, size - len(talker)))) for talker in talkers])
        mixture = mixer.mix(random, fitted, [clip.name for clip in pair])
        name = f"{number:05d}"
        save_audio(folder / "mixtures" / f"{name}.flac", mixture.mixture, SAMPLE_RATE)
        row = {
            "path": f"mixtures/{name}.flac",
            "split": "test",
            "seconds": f"{size / SAMPLE_RATE:.3f}",
            "difference_db": f"{mixture.difference_db:.1f}",
            "snr_db": f"{mixture.snr_db:.1f}",
        }
        for k, clip, source, length in zip(NUMBERS, pair, mixture.sources, lengths, strict=True):
            save_audio(folder / "sources" / f"{name}-{k}.flac", source, SAMPLE_RATE)
            known = _enrolment(mixer, clip, random) if enrolments else None
            if known is not None:
                save_audio(folder / "enrolments" / f"{name}-{k}.flac", known, SAMPLE_RATE)
            row |= {
                f"source{k}": f"sources/{name}-{k}.flac",
                f"enrolment{k}": "" if known is None else f"enrolments/{name}-{k}.flac",
                f"speaker{k}": clip.columns["speaker"],
                f"transcript{k}": (clip.transcript or "") if length <= size else "",
                f"language{k}": clip.language,
                f"speech{k}": clip.name,
            }
        return row

    kinds = ("mixtures", "sources", "enrolments") if enrolments else ("mixtures", "sources")
    return write_listed(folder, kinds, count, written, progress)


def _enrolment(mixer: TalkerMixer, clip: Clip, random: np.random.Generator) -> np.ndarray | None:
    """Another recording of a clip's speaker, or a part of it; None without one."""
    own = [other for other in mixer.by_speaker[clip.columns["speaker"]] if other.path != clip.path]
    if not own:
        return None
    other = own[int(random.integers(len(own)))]
    assert other.seconds is not None
    samples = round(min(other.seconds, mixer.config.enrolment_seconds) * SAMPLE_RATE)
    return mixer.levelled(random, crop(other, samples, random))
