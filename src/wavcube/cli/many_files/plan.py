"""The plan of a run over files: the output of every input, before anything is computed."""

import os
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wavcube.cli.many_files.job import Job
from wavcube.cli.many_files.provenance import Maker, read_record, was_encoded_from
from wavcube.errors import WavCubeError
from wavcube.files import FoundFile, reason
from wavcube.latent_files import LATENT_SUFFIXES


@dataclass
class Plan:
    """What is to do, and the files that cannot be done without losing something.

    Of the results that are there, `existing` are what would be made, and `renewed` are of an input that has changed.
    """

    jobs: list[Job] = field(default_factory=list)
    existing: int = 0
    renewed: int = 0
    conflicts: list[WavCubeError] = field(default_factory=list)


def make_plan(
    found: list[FoundFile], output: Path, suffix: str, input_suffixes: Collection[str], parts: Sequence[str] = ()
) -> Plan:
    """Mirror the input files below the folder `output`, with another suffix.

    With `parts` each becomes several, in a folder of its name: x/a.wav -> x/a/PART.wav.

    Two inputs that would become the same result (a.wav and a.flac), and an input that a result would overwrite, are
    conflicts: neither is done.

    Raises:
        WavCubeError: `output` is a file.
    """
    if output.exists() and not output.is_dir():
        raise WavCubeError(f"{output}: is a file; give a folder for the results")
    if suffix in input_suffixes:
        found = [file for file in found if not _is_earlier_result(file, output)]
    jobs = [_job(file, output, suffix, input_suffixes, parts) for file in found]
    if parts:  # their results lie below their inputs' folder, where a search for inputs finds them
        own = {path.resolve() for job in jobs for path in job.targets}
        jobs = [job for job in jobs if job.source.resolve() not in own or read_record(job.source) is None]
    sources = {job.source.resolve() for job in jobs}
    by_target: defaultdict[Path, list[Job]] = defaultdict(list)
    for job in jobs:
        by_target[job.target].append(job)

    plan = Plan()
    for target, jobs in by_target.items():
        if len(jobs) > 1:
            names = " and ".join(str(job.source) for job in jobs)
            plan.conflicts += [
                WavCubeError(f"{job.source}: {names} would all become {target}; rename them or give them other folders")
                for job in jobs
            ]
        elif taken := [path for path in jobs[0].targets if path.resolve() in sources]:
            plan.conflicts.append(
                WavCubeError(f"{jobs[0].source}: its result would overwrite the input {taken[0]}; give another folder")
            )
        else:
            plan.jobs += jobs
    return plan


def settle_existing(plan: Plan, maker: Maker, overwrite: bool) -> None:
    """Take out of the jobs those whose results are there and hold, and those that would replace what is not theirs.

    A result holds if it was made from this input, by this command, model and precision. Made from an input that has
    changed since it is made anew; made otherwise it is a conflict, unless `overwrite` is set. A recording that wavcube
    did not write is never replaced. Of a job with several results all are made anew where one is missing.
    """
    jobs, plan.jobs = plan.jobs, []
    for job in jobs:
        try:
            there = [replace(job, target=path) for path in job.targets if os.path.lexists(path)]
            if overwrite:
                for one in there:
                    _require_own(one)
                held = []
            else:
                held = [_holds(one, maker) for one in there]
            if len(held) == len(job.targets) and all(held):
                plan.existing += 1
            else:
                plan.renewed += not all(held)
                plan.jobs.append(job)
        except WavCubeError as error:
            plan.conflicts.append(error)
        except OSError as error:
            plan.conflicts.append(WavCubeError(f"{job.target}: cannot be made ({reason(error)})"))


def _holds(job: Job, maker: Maker) -> bool:
    record = read_record(job.target)
    if record is None:
        raise WavCubeError(
            f"{job.target}: exists, and does not say that it was made from {job.source}; give another folder"
            + (", or --overwrite to replace it" if job.target.suffix in LATENT_SUFFIXES else "")
        )
    return maker.holds(record, job)


def _require_own(job: Job) -> None:
    """Refuse to replace what may be somebody's recording, or the very one that latents were made from."""
    if job.target.is_dir() or (job.target.suffix not in LATENT_SUFFIXES and read_record(job.target) is None):
        raise WavCubeError(f"{job.target}: exists, and was not made by wavcube; give another folder")
    if job.source.suffix.lower() in LATENT_SUFFIXES and was_encoded_from(job.source, job.target):
        raise WavCubeError(f"{job.target}: is the recording that {job.source} was made from; give another folder")


def _job(file: FoundFile, output: Path, suffix: str, input_suffixes: Collection[str], parts: Sequence[str]) -> Job:
    if not parts:
        return Job(file.path, output / _renamed(file.relative, suffix, input_suffixes), file.relative)
    folder = output / _renamed(file.relative, "", input_suffixes)
    first, *others = (folder / f"{part}{suffix}" for part in parts)
    return Job(file.path, first, file.relative, tuple(others))


def _renamed(name: Path, suffix: str, input_suffixes: Collection[str]) -> Path:
    """A name with another suffix. What follows the last dot is one only if it is known: not so in `rec.2024.01`."""
    known = name.suffix.lower() in input_suffixes
    return name.with_suffix(suffix) if known else name.with_name(name.name + suffix)


def _is_earlier_result(file: FoundFile, output: Path) -> bool:
    """Whether a file was found only because the folder of results lies inside a folder of inputs."""
    path = Path(os.path.abspath(file.path))
    searched = Path(*path.parts[: len(path.parts) - len(file.relative.parts)]).resolve()
    results = output.resolve()
    is_result = path.is_relative_to(os.path.abspath(output)) or path.resolve().is_relative_to(results)
    return results != searched and results.is_relative_to(searched) and is_result
