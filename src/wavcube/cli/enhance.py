"""`wavcube enhance`, `train enhance`, `prepare noisy` and `evaluate enhancement`: noise and reverberation off."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from wavcube.cli import evaluate, options
from wavcube.cli.many_files.recordings import AudioFormat
from wavcube.cli.train import run_training


class OutputKind(StrEnum):
    """What comes out."""

    masked = "masked"
    decoded = "decoded"


def enhance(
    inputs: options.Recordings,
    output: options.Results,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="An enhancement model's folder or run; by default the packaged.")
    ] = None,
    codec: options.Codec = None,
    strength: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="1 for all that the model does; 0 leaves the latent as it is.")
    ] = 1.0,
    kind: Annotated[
        OutputKind,
        typer.Option(
            "--kind",
            help="masked: the recording with gains; decoded: made anew of the cleaned latent, words can change.",
        ),
    ] = OutputKind.masked,
    device: options.DeviceOption = options.Device.auto,
    format: options.ResultFormat = AudioFormat.wav,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
) -> None:
    """Take noise and reverberation off speech, at 16 kHz."""
    import numpy as np

    from wavcube.cli.many_files.recordings import plan_recordings
    from wavcube.cli.many_files.speech_tool import run_tool

    plan = plan_recordings(inputs, output, format)

    from wavcube.generation.enhancement.pipeline import SpeechEnhancer

    enhancer = SpeechEnhancer.from_pretrained(model, codec=codec, device=options.torch_device(device))
    named = f"enhance --kind {kind}" + ("" if strength == 1 else f" --strength {strength:g}")

    def compute(recordings: list[dict[str, Any]], progress: Callable[[float], None] | None = None) -> list[np.ndarray]:
        return enhancer.enhance(recordings, strength=strength, output=kind.value, progress=progress)

    run_tool(
        plan,
        enhancer,
        named,
        "enhanced",
        compute,
        lambda recording, progress: compute([recording], progress)[0],
        overwrite=overwrite,
        strict=strict,
        workers=enhancer.codec.workers,
    )


def train_enhance(
    out: options.RunFolder,
    recipe: options.Recipe = None,
    init_from: options.GoOnFrom = "",
    settings: options.Settings = None,
    resume: options.Resume = False,
) -> None:
    """Learn to clean latents of noisy speech, on mixtures of speech, noise and rooms."""
    run_training(
        "generation.enhancement.training",
        "train",
        out,
        recipe=recipe,
        init_from=init_from,
        settings=settings,
        resume=resume,
    )


def prepare_noisy(
    speech: Annotated[Path, typer.Argument(help="Clean speech: a folder or list; whole utterances are taken.")],
    out: Annotated[Path, typer.Argument(help="New folder for noisy/, clean/ and mixtures.tsv.")],
    noise: Annotated[Path | None, typer.Option(help="Folder or list of noise; without it, coloured noise.")] = None,
    rooms: Annotated[Path | None, typer.Option(help="Folder or list of room impulse responses.")] = None,
    filters: Annotated[
        list[str] | None, typer.Option("--filter", help="COLUMN=VALUE|VALUE: rows of the speech's list to keep.")
    ] = None,
    noise_filter: Annotated[list[str] | None, typer.Option(help="The same, of the list of noise.")] = None,
    room_filter: Annotated[list[str] | None, typer.Option(help="The same, of the list of rooms.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many recordings of speech.")] = None,
    snr: Annotated[str, typer.Option(help="LOW:HIGH, the range that ratios of speech to noise are drawn from, dB.")] = (
        "0:15"
    ),
    room_share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the recordings in a room.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
) -> None:
    """Write noisy speech beside its clean speech, to evaluate enhancement on."""
    from wavcube.data.config import SourceConfig
    from wavcube.data.manifest import parse_filters, read_clips
    from wavcube.data.mixing import Mixer, MixtureConfig
    from wavcube.data.mixing.written import write_mixtures

    low, high = options.decibels("--snr", snr)
    clips = read_clips(speech, parse_filters(filters or []), limit)

    def source(path: Path | None, chosen: list[str] | None = None) -> list[SourceConfig]:
        return [SourceConfig(str(path), where=parse_filters(chosen or []))] if path else []

    config = MixtureConfig(
        source(speech, filters),
        source(noise, noise_filter),
        source(rooms, room_filter),
        min_seconds=0.0,
        snr_low_db=low,
        snr_high_db=high,
        noise_share=1.0,
        coloured_share=0.0 if noise else 1.0,
        room_share=room_share,
    )
    written = write_mixtures(Mixer(config, 16_000, seed), clips, out, progress=True)
    print(f"{written}: {len(clips)} mixtures")


def evaluate_enhancement(
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            "-m",
            help="A model's folder or run, packaged, noisy, wiener, oracle-mask, resynthesis or files:FOLDER; repeat "
            "it to compare with the first. FOLDER?strength=0.7&decoded=1 has options.",
        ),
    ],
    data: Annotated[Path, typer.Option(help="List with the columns path (noisy) and clean, as `prepare noisy` makes.")],
    out: evaluate.Output = Path("runs/enhancement"),
    codec: Annotated[str | None, typer.Option(help="Where the models' WavCube lies, if it has been moved.")] = None,
    filters: evaluate.Filter = None,
    limit: evaluate.Limit = None,
    metrics: evaluate.Metrics = "pesq_wb,stoi,estoi,si_sdr,dnsmos,wer,wer_vs_original,speaker",
    speaker: evaluate.Speaker = None,
    asr: evaluate.ASR = None,
    cluster: evaluate.Cluster = None,
    device: options.DeviceOption = options.Device.auto,
    processes: evaluate.Processes = None,
    listen: evaluate.Listen = True,
    as_json: options.AsJson = False,
) -> None:
    """Score enhanced speech against the clean: a table here; report.html and the rest in --out."""
    from wavcube.generation.enhancement.evaluation.evaluate import evaluate_enhancement

    evaluate.run_evaluation(
        partial(evaluate_enhancement, codec=codec),
        model,
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
