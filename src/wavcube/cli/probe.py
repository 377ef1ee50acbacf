"""`wavcube probe`: linear probes of frozen frames for characters and speakers."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wavcube.cli.options import AsJson, Device, DeviceOption, torch_device
from wavcube.errors import ConfigError

if TYPE_CHECKING:
    from wavcube.features import FeatureExtractor
    from wavcube.understanding.probes.probe import ProbeResult, ProbeSettings

PROBES = ("characters", "speakers")
LINE_SECONDS = 10.0


def probe(
    data: Annotated[Path, typer.Option(help="List of clips (.tsv, .csv): path, split, speaker, transcript.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="Representation; repeat it for several. wavcube[:MODEL], features[:MODEL], restored[:MODEL], "
            "transformers:NAME[@LAYER], logmel. By default the packaged model's latents and log-mel.",
        ),
    ] = None,
    task: Annotated[list[str] | None, typer.Option(help=f"{' or '.join(PROBES)}; by default both.")] = None,
    output: Annotated[
        Path, typer.Option("--out", "--output", "-o", help="Folder for results and frames.", file_okay=False)
    ] = Path("runs/probes"),
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each head.")] = 3,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Steps of each training; by default 1500 (characters), 500 (speakers)."),
    ] = None,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Probe frozen representations with linear heads: character error rate and speaker accuracy."""
    import dataclasses
    import json

    from wavcube.features import FrameCache, build_feature_extractor
    from wavcube.files import atomic_path
    from wavcube.hashing import fingerprint_file
    from wavcube.understanding.probes.characters import character_probe
    from wavcube.understanding.probes.data import character_corpus, read_list, speaker_corpus
    from wavcube.understanding.probes.probe import ProbeSettings
    from wavcube.understanding.probes.speakers import speaker_probe

    chosen = task or list(PROBES)
    for name in chosen:
        if name not in PROBES:
            raise ConfigError(f"--task {name}: there are {', '.join(PROBES)}")
    where = torch_device(device)
    rows = read_list(data)
    settings = ProbeSettings(seeds=tuple(range(seeds)))
    if steps:
        settings = ProbeSettings(character_steps=steps, speaker_steps=steps, seeds=settings.seeds)
    source = fingerprint_file(data)
    output.mkdir(parents=True, exist_ok=True)
    results = []
    for spec in model or ["wavcube", "logmel"]:
        extractor = build_feature_extractor(spec, where)
        cache = FrameCache(extractor, output / "frames")
        for name in chosen:
            file = output / f"{_file_name(spec)}-{name}.json"
            results.append(file)
            about = _about(spec, extractor, data, source, settings, name)
            if _is_done(file, about, seeds):
                print(f"{file}: already there", file=sys.stderr if as_json else sys.stdout)
                continue
            build, run = (
                (character_corpus, character_probe) if name == "characters" else (speaker_corpus, speaker_probe)
            )
            corpus = build(rows, data)
            cache.extract([example.clip for example in corpus.examples], progress=True)
            with _training_bar(f"{spec}: {name}") as progress:
                result = run(cache, corpus, settings, where, progress)
            with atomic_path(file) as temporary:
                temporary.write_text(json.dumps({**about, **dataclasses.asdict(result)}, indent=2) + "\n", "utf-8")
            if not as_json:
                print(_sentence(spec, result))
    if as_json:
        print(json.dumps([json.loads(file.read_text(encoding="utf-8")) for file in results], indent=2))


def _about(
    spec: str, extractor: "FeatureExtractor", data: Path, source: str, settings: "ProbeSettings", probe_name: str
) -> dict[str, Any]:
    """What a result depends on, beside the seeds."""
    return {
        "model": spec,
        "fingerprint": extractor.fingerprint,
        "dim": extractor.dim,
        "frame_rate": extractor.frame_rate,
        "data": data.name,
        "data_fingerprint": source,
        "steps": settings.character_steps if probe_name == "characters" else settings.speaker_steps,
    }


def _is_done(file: Path, about: dict[str, Any], seeds: int) -> bool:
    """Whether this very probe was run before, so that an interrupted series goes on where it was."""
    import json

    from wavcube.configuration.aliases import PROBE_RESULT, with_new_names

    try:
        found = with_new_names(json.loads(file.read_text(encoding="utf-8")), PROBE_RESULT, str(file), warn=False)
    except (OSError, ValueError, AttributeError):
        return False
    same = all(found.get(key) == about[key] for key in ("fingerprint", "data_fingerprint", "steps"))
    return same and len(found.get("by_seed", [])) == seeds


@contextmanager
def _training_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with the remaining time; without a terminal a line every ten seconds."""
    import time

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    started = reported = time.monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)

        def show(done: int, total: int) -> None:
            nonlocal reported
            bar.update(task, completed=done, total=total)
            now = time.monotonic()
            if not console.is_terminal and now - reported >= LINE_SECONDS:
                reported = now
                left = (now - started) * (total - done) / done
                console.print(f"{title}: step {done} of {total}, {left:.0f} s left", markup=False, highlight=False)

        yield show


def _file_name(spec: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in spec)


def _sentence(spec: str, result: "ProbeResult") -> str:
    estimate = result.estimate
    what = "character error rate" if result.name == "characters" else "speaker accuracy"
    return f"{spec}: {what} {estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"
