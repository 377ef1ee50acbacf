"""`wavcube convert-voice`, `prepare conversion-pairs` and `evaluate conversion`: one's words in another's voice."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wavcube.cli import evaluate, options
from wavcube.cli.many_files.recordings import AudioFormat
from wavcube.errors import ConfigError, WavCubeError

if TYPE_CHECKING:
    import numpy as np

    from wavcube.generation.conversion import FlowVoiceConverter, VoiceConverter


class Method(StrEnum):
    """How a voice is converted."""

    match = "match"
    flow = "flow"


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
    inputs: options.Recordings,
    output: options.Results,
    target: Annotated[
        list[str], typer.Option("--target", "-t", help="Recording of the target's voice, or a folder; can be repeated.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="A WavCube's folder or hub id, with --method flow a text-to-speech model's; by default the packaged.",
        ),
    ] = None,
    method: Annotated[
        Method,
        typer.Option(
            help="match: the source's frames, made like the target's. flow: text to speech says the source's words at "
            "the source's times, which needs --text or --asr; English."
        ),
    ] = Method.match,
    match: Match = None,
    text: Annotated[str | None, typer.Option(help="With --method flow: what the one recording says.")] = None,
    asr: Annotated[
        str | None,
        typer.Option(
            help="With --method flow: whisper:NAME_OR_FOLDER or ctc:ID_OR_FOLDER, which reads the recordings."
        ),
    ] = None,
    device: options.DeviceOption = options.Device.auto,
    format: options.ResultFormat = AudioFormat.wav,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
) -> None:
    """Say the same in the voice of a target, at 16 kHz. Converting to a voice needs its owner's consent."""
    from wavcube.cli.many_files.recordings import find_recordings, plan_recordings
    from wavcube.cli.many_files.speech_tool import run_tool
    from wavcube.hashing import digest, fingerprint_file

    voices = [recording.path for recording in find_recordings(target)]
    plan = plan_recordings(inputs, output, format, kept=voices)
    if method is Method.flow:
        if match is not None:
            raise ConfigError("--match belongs to the other method; leave it out with --method flow")
        if text is not None and len(plan.jobs) != 1:
            raise ConfigError(f"--text is of one recording, the inputs are {len(plan.jobs)}; let --asr read them")
        prepared = _by_flow(model, voices, text, asr, options.torch_device(device))
    elif text is not None or asr is not None:
        raise ConfigError("--text and --asr belong to --method flow")
    else:
        prepared = _by_match(model, voices, match, options.torch_device(device))
    named = digest(" ".join(fingerprint_file(path) for path in voices))
    run_tool(
        plan,
        prepared.converter,
        f"convert-voice {prepared.how} to {named}",
        "converted",
        prepared.compute,
        prepared.in_pieces,
        overwrite=overwrite,
        strict=strict,
        workers=prepared.workers,
    )


@dataclass
class _Prepared:
    """A converter with a voice: how results are made, for their records, how many batches go side by side, and how a
    long recording is made that tells of its pieces."""

    converter: "VoiceConverter | FlowVoiceConverter"
    compute: "Callable[[list[dict[str, Any]]], list[np.ndarray]]"
    how: str
    workers: int
    in_pieces: "Callable[[dict[str, Any], Callable[[float], None]], np.ndarray] | None" = None


def _by_match(model: str | None, voices: list[Path], match: float | None, device: str) -> _Prepared:
    from wavcube.generation.conversion.pipeline import MATCH, VoiceConverter

    chosen = MATCH if match is None else match
    converter = VoiceConverter.from_pretrained(model, device=device)
    voice = converter.voice(voices)
    return _Prepared(
        converter,
        lambda recordings: converter.convert(recordings, voice, match=chosen),
        f"--match {chosen:g}",
        converter.codec.workers,
        lambda recording, progress: converter.convert(recording, voice, match=chosen, progress=progress),
    )


def _by_flow(model: str | None, voices: list[Path], text: str | None, asr: str | None, device: str) -> _Prepared:
    from wavcube.evaluation.asr import load_asr
    from wavcube.generation.conversion import FlowVoiceConverter
    from wavcube.hashing import digest

    if (text is None) == (asr is None):
        raise ConfigError("--method flow needs either --text, what the recording says, or --asr, which reads it")
    reader = None if asr is None else load_asr(asr, device)
    converter = FlowVoiceConverter.from_pretrained(model, asr=reader, device=device).optimize()
    voice, texts = converter.voice(voices), None if text is None else [text]
    words = f"--text {digest(text or '')}" if reader is None else f"--asr {reader.fingerprint}"
    return _Prepared(
        converter,
        lambda recordings: converter.convert(recordings, voice, text=texts),
        f"--method flow {words}",
        1,
    )


def prepare_conversion_pairs(
    speech: Annotated[Path, typer.Argument(help="List of recordings with speakers and transcripts.")],
    out: Annotated[Path, typer.Argument(help="The list to write, a .tsv file.")],
    filters: options.RowFilter = None,
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
            help="packaged or a WavCube's folder (FOLDER?match=0.7 has options), flow or flow:FOLDER "
            "(flow?few_steps=1), source, pitch-shift, true, resynthesis or files:FOLDER; repeat it to compare with the "
            "first.",
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
    from wavcube.generation.conversion.evaluation.evaluate import SYSTEMS_BY_DEFAULT, evaluate_conversion

    evaluate.run_evaluation(
        evaluate_conversion,
        model or SYSTEMS_BY_DEFAULT,
        data,
        out,
        filters=filters,
        limit=limit,
        metrics=metrics.split(","),
        speaker=speaker,
        asr=asr,
        cluster=cluster,
        device=device,
        processes=processes,
        listen=listen,
        as_json=as_json,
    )
