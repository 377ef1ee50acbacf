"""`wavcube convert-voice`, `prepare conversion-pairs` and `evaluate conversion`: one's words in another's voice."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wavcube.cli import evaluate, options
from wavcube.cli.many_files.recordings import AudioFormat
from wavcube.errors import WavCubeError

Match = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        help="0: the source's frames with the target's statistics; 1: frames of the target, nearer to the voice, with "
        "more wrong words.",
    ),
]


def convert_voice(
    inputs: Annotated[list[str], typer.Argument(help="Recordings, folders (searched recursively) or quoted globs.")],
    output: Annotated[
        Path,
        typer.Option("--out", "--output", "-o", help="Folder for the results, or for one recording a .wav or .flac."),
    ],
    target: Annotated[
        list[str], typer.Option("--target", "-t", help="Recording of the target's voice, or a folder; can be repeated.")
    ],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="A WavCube's folder or hub id; by default the packaged.")
    ] = None,
    match: Match = None,
    device: options.DeviceOption = options.Device.auto,
    format: Annotated[AudioFormat, typer.Option(help="File format of results in a folder.")] = AudioFormat.wav,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
) -> None:
    """Say the same in the voice of a target, at 16 kHz. Converting to a voice needs its owner's consent."""
    import numpy as np

    from wavcube.audio.io import AUDIO_SUFFIXES
    from wavcube.cli.many_files.batches import BatchLimits, Task, run
    from wavcube.cli.many_files.job import Job
    from wavcube.cli.many_files.plan import Plan, make_plan, settle_existing
    from wavcube.cli.many_files.provenance import Maker
    from wavcube.cli.many_files.recordings import find_recordings, read_recording, write_recording
    from wavcube.hashing import digest, fingerprint_file

    found, voices = find_recordings(inputs), [recording.path for recording in find_recordings(target)]
    taken = {path.resolve() for path in (*voices, *(recording.path for recording in found))}
    if output.suffix.lower() in (".wav", ".flac") and not output.is_dir():
        if len(found) != 1 or Path(inputs[0]).is_dir():
            raise WavCubeError(f"{output}: is one file, the inputs are {len(found)}; give a folder for the results")
        if output.exists() and output.resolve() in taken:
            raise WavCubeError(f"{output}: is an input itself; give another name")
        plan = Plan([Job(found[0].path, output, Path(output.name))])
    else:
        plan = make_plan(found, output, f".{format}", AUDIO_SUFFIXES)

    from wavcube.generation.conversion.pipeline import MATCH, VoiceConverter

    chosen = MATCH if match is None else match
    converter = VoiceConverter.from_pretrained(model, device=options.torch_device(device))
    voice = converter.voice(voices)
    named = digest(" ".join(fingerprint_file(path) for path in voices))
    maker = Maker(f"convert-voice --match {chosen:g} to {named}", converter)
    settle_existing(plan, maker, overwrite)

    def compute(recordings: list[dict[str, Any]]) -> list[np.ndarray]:
        return converter.convert(recordings, voice, match=chosen)

    task = Task(
        "converted",
        lambda job: read_recording(job, converter, maker),
        compute,
        lambda job, waveform: write_recording(job, waveform, converter, maker),
    )
    run(
        plan,
        task,
        BatchLimits(20.0, 0.25, converter.chunking.above or 30.0),
        strict=strict,
        workers=converter.codec.workers,
    )


def prepare_conversion_pairs(
    speech: Annotated[Path, typer.Argument(help="List of recordings with speakers and transcripts.")],
    out: Annotated[Path, typer.Argument(help="The list to write, a .tsv file.")],
    filters: Annotated[
        list[str] | None, typer.Option("--filter", help="COLUMN=VALUE|VALUE: rows of the list to keep.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1.0, help="Of the target's speech.")] = 30.0,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 0,
) -> None:
    """List pairs of source and target, of different speakers, to evaluate voice conversion on."""
    from wavcube.data.manifest import parse_filters, read_clips
    from wavcube.generation.conversion.evaluation.pairs import make_pairs, write_pairs

    pairs = make_pairs(read_clips(speech, parse_filters(filters or [])), seconds, seed)
    write_pairs(pairs, out)
    print(f"{out}: {len(pairs)} pairs, {len({target.speaker for _, target in pairs})} targets")


def evaluate_conversion(
    data: Annotated[Path, typer.Option(help="List of pairs, as `prepare conversion-pairs` makes.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="packaged or a WavCube's folder (FOLDER?match=0.7 has options), source, pitch-shift, true, "
            "resynthesis or files:FOLDER; repeat it to compare with the first.",
        ),
    ] = None,
    out: evaluate.Output = Path("runs/conversion"),
    filters: evaluate.Filter = None,
    limit: evaluate.Limit = None,
    metrics: evaluate.Metrics = "speaker,wer,wer_vs_original,dnsmos",
    speaker: evaluate.Speaker = None,
    asr: evaluate.ASR = None,
    cluster: evaluate.Cluster = None,
    device: options.DeviceOption = options.Device.auto,
    processes: evaluate.Processes = None,
    listen: evaluate.Listen = True,
) -> None:
    """Score converted speech against true speech of the target: a table here; report.html and the rest in --out."""
    import sys

    from rich.console import Console

    from wavcube.evaluation.metrics import MetricOptions
    from wavcube.evaluation.report.tables import footnotes, terminal_table
    from wavcube.generation.conversion.evaluation.evaluate import SYSTEMS_BY_DEFAULT, evaluate_conversion

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    summary = evaluate_conversion(
        model or SYSTEMS_BY_DEFAULT,
        data,
        out,
        filters=filters or (),
        limit=limit,
        metrics=metrics.split(","),
        options=MetricOptions(speaker, asr, device=options.torch_device(device)),
        processes=processes,
        cluster=cluster,
        listen=listen,
        progress=True,
        on_skipped=lambda name, how: console.print(f"skipped {name}: {how}", style="yellow", markup=False),
    )
    console.print(terminal_table(summary))
    for note in footnotes(summary):
        console.print(note, style="dim", markup=False)
    console.print(f"report: {out / 'report.html'}", markup=False)
