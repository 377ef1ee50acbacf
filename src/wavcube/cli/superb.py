"""`wavcube superb`: evaluation of a frozen representation by the tasks of SUPERB, and three of SUPERB-SG."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavcube.cli.options import AsJson, Device, DeviceOption, torch_device
from wavcube.errors import ConfigError

if TYPE_CHECKING:
    from wavcube.understanding import Options, ProbeConfig, Result
    from wavcube.understanding.corpora.stored import StoredRecordings
    from wavcube.understanding.task import Task

TASKS = {
    "pr": "Phoneme recognition (LibriSpeech and a lexicon): phone error rate.",
    "asr": "Speech recognition by characters (LibriSpeech): word error rate.",
    "ks": "Keyword spotting (Speech Commands v0.01): accuracy.",
    "qbe": "Query by example (QUESST 2014), without training: maximum term-weighted value.",
    "sid": "Speaker identification (VoxCeleb1): accuracy.",
    "asv": "Speaker verification (VoxCeleb1): equal error rate.",
    "sd": "Speaker diarisation (Libri2Mix): diarisation error rate.",
    "ic": "Intent classification (Fluent Speech Commands): accuracy of all three slots.",
    "sf": "Slot filling (Audio SNIPS): slot-type F1, slot-value CER.",
    "er": "Emotion recognition (IEMOCAP, five folds): accuracy.",
    "se": "Speech enhancement (VoiceBank-DEMAND), SUPERB-SG: PESQ, STOI, SI-SDR improvement.",
    "ss": "Source separation (Libri2Mix), SUPERB-SG: SI-SDR improvement.",
    "vc": "Any-to-one voice conversion (VCC2020), SUPERB-SG, with Griffin-Lim in place of its vocoder: MCD; WER with "
    "--set asr=MODEL; acceptance with --set speaker=ENCODER.",
}

superb = typer.Typer(
    name="superb",
    help="Evaluate what a representation encodes: the tasks of SUPERB and SUPERB-SG.",
    no_args_is_help=True,
)

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        help="Representation; repeat it for several. wavcube[:MODEL] (latents), features[:MODEL], restored[:MODEL], "
        "transformers:NAME (last layer), transformers:NAME@7, transformers:NAME@weighted, logmel, mfcc, fbank. "
        "By default the packaged model's latents.",
    ),
]
Data = Annotated[
    Path,
    typer.Option(help="Folder of the official corpus, or a manifest (.tsv, .csv) with path, split and labels."),
]
Output = Annotated[
    Path,
    typer.Option(
        "--out", "--output", "-o", help="Folder for the results; the same one again continues.", file_okay=False
    ),
]
Latents = Annotated[
    list[Path] | None,
    typer.Option(
        help="Folder of `wavcube encode --to shar`: its latents are read, and no audio; repeatable. They must be of "
        "--model, if that is named; else they are the representation."
    ),
]
Cache = Annotated[Path | None, typer.Option(help="Folder for frames; by default 'cache' in the output folder.")]
Rates = Annotated[
    list[float] | None, typer.Option("--lr", help="Learning rate; repeat it to search several, chosen on dev.")
]
Grid = Annotated[bool, typer.Option("--grid", help="Search SUPERB's grid of learning rates, 1e-1 to 1e-7.")]
Jobs = Annotated[int, typer.Option(min=1, help="Learning rates that train at the same time, in processes.")]
Seed = Annotated[int, typer.Option(min=0, help="Of weights, order, dropout and masks.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="NAME=VALUE of the recipe: steps, batch, width, specaugment, lexicon, ...; repeat it."),
]


def _command(name: str) -> Callable[..., None]:
    def run(
        data: Data,
        model: Models = None,
        latents: Latents = None,
        output: Output = Path("runs/superb"),
        cache: Cache = None,
        lr: Rates = None,
        grid: Grid = False,
        jobs: Jobs = 1,
        seed: Seed = 0,
        settings: Settings = None,
        device: DeviceOption = Device.auto,
    ) -> None:
        options = _options(output, cache, latents, lr, grid, jobs, seed, device)
        _solve([(name, data)], model, settings, options)

    run.__doc__ = TASKS[name]
    return run


for _name in TASKS:
    superb.command(_name)(_command(_name))


@superb.command("all")
def every_task(
    data: Annotated[list[str], typer.Option(help="TASK=FOLDER; repeat it for every task that you have data of.")],
    model: Models = None,
    latents: Latents = None,
    output: Output = Path("runs/superb"),
    cache: Cache = None,
    lr: Rates = None,
    grid: Grid = False,
    jobs: Jobs = 1,
    seed: Seed = 0,
    settings: Settings = None,
    device: DeviceOption = Device.auto,
) -> None:
    """Several tasks of several representations, then the report. --set TASK.NAME=VALUE is for one task."""
    pairs = []
    for text in data:
        name, equals, folder = text.partition("=")
        if not equals or name not in TASKS:
            raise ConfigError(f"--data {text}: expected TASK=FOLDER with a task of {', '.join(TASKS)}")
        pairs.append((name, Path(folder)))
    _solve(pairs, model, settings, _options(output, cache, latents, lr, grid, jobs, seed, device))
    report(output)


@superb.command()
def check(
    task: Annotated[str, typer.Argument(help=f"One of {', '.join(TASKS)}.")],
    data: Data,
    latents: Latents = None,
    settings: Settings = None,
) -> None:
    """Check that a data folder is complete and fit for a task, before hours are spent on it."""
    from wavcube.understanding import task_named
    from wavcube.understanding.check import check_data

    found = task_named(task)
    for split in check_data(found, data, _recipe(found, settings), progress=True, stored=_stored(latents)):
        classes = f", {split.classes} classes" if split.classes else ""
        speakers = f", {split.speakers} speakers" if split.speakers else ""
        print(f"{split.split}: {split.recordings} recordings, {split.hours:.2f} h{speakers}{classes}")
    print(f"{data}: fit for {found.title.lower()}")


@superb.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of results; the report is written into it.")] = Path(
        "runs/superb"
    ),
    as_json: AsJson = False,
) -> None:
    """Gather all results into the paper's table: here, as Markdown, LaTeX and JSON, and as a picture."""
    from rich.console import Console

    from wavcube.understanding.report import gather, terminal, write_report

    table = gather(folder)
    written = write_report(table, folder)
    if as_json:
        print((folder / "superb.json").read_text(encoding="utf-8"))
        return
    Console().print(terminal(table))
    print("written: " + ", ".join(str(path) for path in written))


def _options(
    output: Path,
    cache: Path | None,
    latents: list[Path] | None,
    lr: list[float] | None,
    grid: bool,
    jobs: int,
    seed: int,
    device: Device,
) -> "Options":
    from wavcube.understanding import Options
    from wavcube.understanding.config import LEARNING_RATES

    rates = LEARNING_RATES if grid else tuple(lr or ())
    if wrong := [rate for rate in rates if not 0 < rate < float("inf")]:
        raise ConfigError(f"--lr {wrong[0]:g}: a learning rate is above 0, and finite")
    stored = _stored(latents)
    where = torch_device(device)
    return Options(output, cache or output / "cache", seed, rates, jobs, where, progress=True, stored=stored)


def _stored(latents: list[Path] | None) -> "StoredRecordings | None":
    from wavcube.understanding.corpora.stored import StoredRecordings

    return StoredRecordings(latents) if latents else None


def _solve(
    pairs: list[tuple[str, Path]], models: list[str] | None, settings: list[str] | None, options: "Options"
) -> None:
    from wavcube.features import build_feature_extractor
    from wavcube.understanding import run_task, task_named

    tasks = [(task_named(name), data) for name, data in pairs]
    recipes = [_recipe(task, settings) for task, _ in tasks]
    # Data are checked before a model is even loaded.
    for task, _ in tasks:
        task.require_packages()
    loaded = [
        task.load(data, recipe, options.progress, options.stored)
        for (task, data), recipe in zip(tasks, recipes, strict=True)
    ]
    named = models or ([f"latents:{options.stored.folders[0]}"] if options.stored else ["wavcube"])
    try:
        for model in named:
            extractor = build_feature_extractor(model, options.device)
            for (task, data), recipe, corpora in zip(tasks, recipes, loaded, strict=True):
                _tell(task, run_task(task, extractor, model, data, recipe, options, corpora))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here")
        raise


def _recipe(task: "Task", settings: list[str] | None) -> "ProbeConfig":
    values = {}
    for text in settings or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set {text}: expected NAME=VALUE")
        owner, dot, rest = name.partition(".")
        if dot and owner not in TASKS:
            raise ConfigError(f"--set {text}: no task {owner!r}; there are {', '.join(TASKS)}")
        if not dot or owner == task.name:
            values[rest if dot else name] = value
    return task.recipe.changed(values)


def _tell(task: "Task", result: "Result") -> None:
    metrics = []
    for measure in (m for m in task.measures if m.name in result.metrics):
        estimate = result.metrics[measure.name]
        value, low, high = (f"{x:.{measure.decimals}f}" for x in (estimate.value, estimate.low, estimate.high))
        metrics.append(f"{measure.heading} {value} {measure.unit} ({low} to {high})".replace("  ", " "))
    print(f"{task.title}, {result.representation}: {'; '.join(metrics)}")
    for measure in (m for m in task.measures if m.name not in result.metrics):
        print(measure.left_out)
