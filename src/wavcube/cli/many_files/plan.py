"""Which result each input file becomes, before anything is computed."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from wavcube.errors import WavCubeError
from wavcube.files import FoundFile


@dataclass(frozen=True)
class Job:
    """One file to read and the file to write; `relative` is the place of both below their folders."""

    source: Path
    target: Path
    relative: Path


@dataclass
class Plan:
    """What is to do, how many results exist already, and the files that cannot be done without losing something."""

    jobs: list[Job] = field(default_factory=list)
    existing: int = 0
    conflicts: list[WavCubeError] = field(default_factory=list)


def make_plan(
    found: list[FoundFile], output: Path, suffix: str, overwrite: bool, input_suffixes: Collection[str]
) -> Plan:
    """Mirror the input files below the folder `output`, with another suffix.

    Two inputs that would become the same result (a.wav and a.flac), and an input that a result would overwrite, are
    conflicts: neither is done.

    Raises:
        WavCubeError: `output` is a file.
    """
    if output.exists() and not output.is_dir():
        raise WavCubeError(f"{output}: is a file; give a folder for the results")
    if suffix in input_suffixes:
        found = [file for file in found if not _is_earlier_result(file, output)]
    sources = {file.path.resolve() for file in found}
    by_target: defaultdict[Path, list[Job]] = defaultdict(list)
    for file in found:
        target = (output / file.relative).with_suffix(suffix)
        by_target[target].append(Job(file.path, target, file.relative))

    plan = Plan()
    for target, jobs in by_target.items():
        if len(jobs) > 1:
            names = " and ".join(str(job.source) for job in jobs)
            plan.conflicts += [
                WavCubeError(f"{job.source}: {names} would all become {target}; rename them or give them other folders")
                for job in jobs
            ]
        elif target.resolve() in sources:
            plan.conflicts.append(
                WavCubeError(f"{jobs[0].source}: its result would overwrite the input {target}; give another folder")
            )
        elif target.exists() and not overwrite:
            plan.existing += 1
        else:
            plan.jobs += jobs
    return plan


def _is_earlier_result(file: FoundFile, output: Path) -> bool:
    """Whether a file was found only because the folder of results lies inside a folder of inputs."""
    results, path = output.resolve(), file.path.resolve()
    searched = Path(*path.parts[: len(path.parts) - len(file.relative.parts)])
    return results != searched and results.is_relative_to(searched) and path.is_relative_to(results)
