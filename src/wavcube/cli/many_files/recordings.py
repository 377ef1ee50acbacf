"""Recordings as the commands read and write them."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from wavcube.cli.many_files.job import Job
    from wavcube.cli.many_files.plan import Plan
    from wavcube.cli.many_files.provenance import Maker, Model
    from wavcube.files import FoundFile


class AudioFormat(StrEnum):
    """The file format of decoded speech, 16 bits a sample."""

    wav = "wav"
    flac = "flac"


def find_recordings(inputs: Iterable[str]) -> "list[FoundFile]":
    """The recordings that files, folders and globs name; see `wavcube.files.find_files`."""
    from wavcube.audio.io import AUDIO_SUFFIXES, is_audio
    from wavcube.errors import AudioError
    from wavcube.files import find_files

    return find_files(inputs, AUDIO_SUFFIXES, "audio", AudioError, is_audio)


def plan_recordings(
    inputs: list[str], output: Path, format: AudioFormat, kept: Iterable[Path] = (), parts: Sequence[str] = ()
) -> "Plan":
    """The results of recordings: below the folder `output`, or for one recording the file `output`.

    Args:
        inputs: files, folders and globs.
        output: a folder, or a .wav or .flac.
        format: of files in a folder.
        kept: other recordings that the command reads, which no result may replace.
        parts: names of the results of each recording, where it has several, which are in a folder of its name.

    Raises:
        WavCubeError: one file for several recordings, or a result that would replace a recording.
    """
    from wavcube.audio.io import AUDIO_SUFFIXES
    from wavcube.cli.many_files.job import Job
    from wavcube.cli.many_files.plan import Plan, make_plan
    from wavcube.errors import WavCubeError

    found = find_recordings(inputs)
    taken = {path.resolve() for path in kept}
    if output.suffix.lower() in (".wav", ".flac") and not output.is_dir():
        if len(found) != 1 or Path(inputs[0]).is_dir():
            raise WavCubeError(f"{output}: is one file, the inputs are {len(found)}; give a folder for the results")
        if output.exists() and output.resolve() in {*taken, found[0].path.resolve()}:
            raise WavCubeError(f"{output}: is an input itself; give another name")
        return Plan([Job(found[0].path, output, Path(output.name))])
    plan = make_plan(found, output, f".{format}", AUDIO_SUFFIXES, parts)
    for target in (path for job in plan.jobs for path in job.targets):
        if target.resolve() in taken:
            raise WavCubeError(f"{target}: is an input itself; give another folder for the results")
    return plan


def read_recording(job: "Job", model: "Model", maker: "Maker") -> "tuple[dict[str, Any], float]":
    """A recording as `encode` takes it, with its path, and its length in seconds; `maker` notes what was read.

    Raises:
        AudioError: see `load_audio`; or the recording is too short for a single frame.
    """
    from wavcube.audio.io import load_audio
    from wavcube.errors import AudioError

    maker.note(job)
    waveform = load_audio(job.source, model.sample_rate)
    if model.expected_frames(len(waveform)) < 1:
        raise AudioError(f"{job.source}: {len(waveform)} samples at {model.sample_rate} Hz are too short for one frame")
    recording = {"array": waveform, "sampling_rate": model.sample_rate, "path": job.source}
    return recording, len(waveform) / model.sample_rate


def write_recording(job: "Job", waveform: "np.ndarray", model: "Model", maker: "Maker") -> None:
    """Write a waveform [S] at the model's rate, with the record of how it was made; see `write_recordings`."""
    write_recordings(job, waveform[None], model, maker)


def write_recordings(job: "Job", waveforms: "np.ndarray", model: "Model", maker: "Maker") -> None:
    """Write waveforms [N, S] at the model's rate, one a target of the job, with the record of how they were made.

    Raises:
        AudioError: see `save_audio`.
    """
    from wavcube.audio.io import save_audio
    from wavcube.cli.many_files.provenance import comment

    text = comment(maker.record(job, waveforms.shape[1] / model.sample_rate))
    for target, waveform in zip(job.targets, waveforms, strict=True):
        save_audio(target, waveform, model.sample_rate, comment=text)
