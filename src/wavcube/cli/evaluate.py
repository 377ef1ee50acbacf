"""`wavcube evaluate`: quality of reconstructed speech; and what other commands that evaluate share with it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wavcube.cli.options import AsJson, Device, DeviceOption, torch_device

if TYPE_CHECKING:
    from rich.console import Console

    from wavcube.evaluation.summary import Summary

evaluate = typer.Typer(
    name="evaluate", help="Measure the quality of a model's speech beside baselines.", no_args_is_help=True
)

Model = Annotated[
    list[str],
    typer.Option(
        "--model", "-m", help="What to evaluate, see `wavcube evaluate models`; repeat it to compare with the first."
    ),
]
Data = Annotated[
    Path, typer.Option(help="Folder of recordings, or list (.tsv, .csv, .jsonl, .parquet, ...; docs/data.md).")
]
Output = Annotated[
    Path,
    typer.Option(
        "--out", "--output", "-o", help="Folder for the results; the same one again continues.", file_okay=False
    ),
]
Filter = Annotated[
    list[str] | None,
    typer.Option("--filter", help="COLUMN=VALUE or COLUMN=VALUE|VALUE: keep such rows of the list; can be repeated."),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first so many recordings.")]
Metrics = Annotated[str, typer.Option(help="Names with commas between, see `wavcube evaluate metrics`.")]
Speaker = Annotated[
    str | None,
    typer.Option(help="Speaker encoder: ecapa:CHECKPOINT, xvector:ID_OR_FOLDER, FILE.onnx, FILE.pt or resemblyzer."),
]
ASR = Annotated[
    str | None, typer.Option(help="ASR model that error rates need: whisper:NAME_OR_FOLDER or ctc:ID_OR_FOLDER.")
]
Utmos = Annotated[str | None, typer.Option(help="UTMOS weights: FILE (TorchScript or ONNX), or hub to download them.")]
Normaliser = Annotated[str, typer.Option(help="Of texts before words are counted: whisper, lower or none.")]
By = Annotated[
    list[str] | None,
    typer.Option(help="Break down by this column, beside duration, speaker and sex; can be repeated."),
]
Cluster = Annotated[
    str | None, typer.Option(help="Column whose groups the bootstrap draws as a whole, such as speaker.")
]
RankBy = Annotated[str | None, typer.Option(help="Metric by which the worst utterances are ranked.")]
Processes = Annotated[int | None, typer.Option(min=1, help="Workers for the small metrics; one a core by default.")]
BatchSeconds = Annotated[float, typer.Option(min=1.0, help="Seconds of speech decoded at once.")]
Seed = Annotated[int, typer.Option(help="Of the bootstrap.")]
Listen = Annotated[bool, typer.Option(help="Put sound and spectrograms into the HTML page.")]


def result_console(as_json: bool = False) -> "Console":
    """Where results are printed, and notes; on stderr, where stdout is for JSON. A file or pipe has no width of its
    own; 80 columns would break the table."""
    import sys

    from rich.console import Console

    return Console(highlight=False, stderr=as_json, width=None if sys.stdout.isatty() else 160)


def run_evaluation(
    evaluation: "Callable[..., Summary]",
    systems: Sequence[str],
    data: Path,
    out: Path,
    *,
    filters: Sequence[str] | None,
    metrics: Sequence[str] | None,
    speaker: str | None,
    asr: str | None,
    utmos: str | None = None,
    normaliser: str = "whisper",
    device: Device,
    as_json: bool,
    **settings: Any,
) -> None:
    """Run an evaluation of systems with the options of its command, and print what it skips and finds.

    Args:
        evaluation: a function of `EvaluationSettings`, such as `evaluate_reconstruction`.
        settings: further settings as they are.
    """
    from wavcube.evaluation.metrics import MetricOptions
    from wavcube.evaluation.settings import EvaluationSettings

    console = result_console(as_json)
    summary = evaluation(
        EvaluationSettings(
            tuple(systems),
            data,
            out,
            filters=tuple(filters or ()),
            metrics=None if metrics is None else tuple(metrics),
            options=MetricOptions(speaker, asr, utmos, normaliser, torch_device(device)),
            **settings,
        ),
        progress=True,
        on_skipped=lambda name, how: print_skipped(console, name, how),
    )
    print_summary(console, summary, out, as_json)


def print_skipped(console: "Console", name: str, how: str) -> None:
    """A note of a metric that cannot run, and how to get what it lacks."""
    console.print(f"skipped {name}: {how}", style="yellow", markup=False)


def print_summary(console: "Console", summary: "Summary", out: Path, as_json: bool = False) -> None:
    """The table of an evaluation, its footnotes, and where the report is; or report.json as it is."""
    if as_json:
        print((out / "report.json").read_text(encoding="utf-8"))
        return
    from wavcube.evaluation.report.tables import footnotes, terminal_table

    console.print(terminal_table(summary))
    for note in footnotes(summary):
        console.print(note, style="dim", markup=False)
    console.print(f"report: {out / 'report.html'}", markup=False)


@evaluate.command()
def reconstruction(
    model: Model,
    data: Data,
    out: Output = Path("runs/reconstruction"),
    filters: Filter = None,
    limit: Limit = None,
    metrics: Metrics = "all",
    speaker: Speaker = None,
    asr: ASR = None,
    utmos: Utmos = None,
    normaliser: Normaliser = "whisper",
    by: By = None,
    cluster: Cluster = None,
    rank_by: RankBy = None,
    device: DeviceOption = Device.auto,
    processes: Processes = None,
    batch_seconds: BatchSeconds = 60.0,
    seed: Seed = 0,
    listen: Listen = True,
    as_json: AsJson = False,
) -> None:
    """Score reconstructed speech: a table here; report.html, report.json, Markdown, LaTeX, CSV, Parquet in --out."""
    from wavcube.reconstruction import evaluate_reconstruction

    run_evaluation(
        evaluate_reconstruction,
        model,
        data,
        out,
        filters=filters,
        limit=limit,
        metrics=None if metrics == "all" else metrics.split(","),
        speaker=speaker,
        asr=asr,
        utmos=utmos,
        normaliser=normaliser,
        breakdown_by=tuple(by or ()),
        cluster=cluster,
        rank_by=rank_by,
        device=device,
        processes=processes,
        batch_seconds=batch_seconds,
        seed=seed,
        listen=listen,
        as_json=as_json,
    )


@evaluate.command()
def metrics() -> None:
    """List the metrics: what each gives, its sampling rate, where it is from, what it needs."""
    from rich.console import Console
    from rich.table import Table

    from wavcube.evaluation.asr import ASR_MODELS
    from wavcube.evaluation.metrics import METRICS
    from wavcube.evaluation.speaker_encoder import SPEAKER_ENCODERS

    table = Table("name", "gives", "rate", "from")
    for metric in METRICS.values():
        gives = ", ".join(f"{q.heading} {q.arrow}" for q in metric.quantities)
        table.add_row(metric.name, gives, f"{metric.sample_rate // 1000} kHz", metric.citation)
    console = Console(highlight=False)
    console.print(table)
    console.print(f"speaker needs --speaker, one of\n{SPEAKER_ENCODERS}\n", markup=False)
    console.print(f"wer and wer_vs_original need --asr, one of\n{ASR_MODELS}\n", markup=False)
    console.print("utmos needs --utmos FILE (TorchScript or ONNX), or --utmos hub to download it", markup=False)


@evaluate.command()
def models() -> None:
    """List what --model can name: WavCube models, codecs, baselines, files."""
    from wavcube.evaluation.systems import SYSTEMS

    print(SYSTEMS)
