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

    from wavcube.cli.many_files.batches import BatchLimits, Task, run
    from wavcube.cli.many_files.plan import settle_existing
    from wavcube.cli.many_files.provenance import Maker
    from wavcube.cli.many_files.recordings import find_recordings, plan_recordings, read_recording, write_recording
    from wavcube.hashing import digest, fingerprint_file

    voices = [recording.path for recording in find_recordings(target)]
    plan = plan_recordings(inputs, output, format, kept=voices)

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

    if out.resolve() == speech.resolve():
        raise WavCubeError(f"{out}: is the list itself; give another name")
    if out.suffix.lower() != ".tsv":
        raise WavCubeError(f"{out}: is to be a .tsv file")
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
    as_json: options.AsJson = False,
) -> None:
    """Score converted speech against true speech of the target: a table here; report.html and the rest in --out."""
    from wavcube.evaluation.metrics import MetricOptions
    from wavcube.generation.conversion.evaluation.evaluate import SYSTEMS_BY_DEFAULT, evaluate_conversion

    console = evaluate.result_console(as_json)
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
    evaluate.print_summary(console, summary, out, as_json)
