"""`wavcube separate`, `train separate`, `prepare mixtures` and `evaluate separation`: two talkers apart."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from wavcube.cli import evaluate, options
from wavcube.cli.enhance import OutputKind
from wavcube.cli.many_files.recordings import AudioFormat
from wavcube.cli.train import run_training
from wavcube.errors import WavCubeError

TALKERS = ("talker1", "talker2")
"""Names of the results of a recording."""


def separate(
    inputs: options.Recordings,
    output: Annotated[Path, typer.Option("--out", "--output", "-o", help="Folder for the results.")],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="A separation model's folder or run; by default the packaged.")
    ] = None,
    enroll: Annotated[
        Path | None,
        typer.Option(help="A recording of one talker alone, of 1 s or more: only this voice is kept."),
    ] = None,
    codec: options.Codec = None,
    kind: Annotated[
        OutputKind,
        typer.Option("--kind", help="masked: the recording with gains; decoded: made anew of the latents."),
    ] = OutputKind.masked,
    device: options.DeviceOption = options.Device.auto,
    format: options.ResultFormat = AudioFormat.wav,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
) -> None:
    """Two talkers at once -> NAME/talker1 and NAME/talker2, or with --enroll the one voice, at 16 kHz."""
    import numpy as np

    from wavcube.cli.many_files.recordings import plan_recordings
    from wavcube.cli.many_files.speech_tool import run_tool
    from wavcube.hashing import fingerprint_file

    if enroll is None and output.suffix.lower() in (".wav", ".flac"):
        raise WavCubeError(f"{output}: there are two results; give a folder, or the voice to keep with --enroll")
    if enroll is not None and not enroll.is_file():
        raise WavCubeError(f"{enroll}: no such recording of the voice to keep")
    if enroll is None:
        plan = plan_recordings(inputs, output, format, parts=TALKERS)
    else:
        plan = plan_recordings(inputs, output, format, kept=[enroll])

    from wavcube.generation.separation.pipeline import SpeechSeparator

    separator = SpeechSeparator.from_pretrained(model, codec=codec, device=options.torch_device(device))
    named = f"separate --kind {kind}" + (f" --enroll {fingerprint_file(enroll)}" if enroll else "")
    voice = separator.enrolment(enroll) if enroll else None  # one that cannot be used is one error, not one a recording

    def compute(recordings: list[dict[str, Any]], progress: Callable[[float], None] | None = None) -> list[np.ndarray]:
        if voice is not None:
            return separator.extract(recordings, voice, output=kind.value, progress=progress)
        return separator.separate(recordings, output=kind.value, progress=progress)

    run_tool(
        plan,
        separator,
        named,
        "separated",
        compute,
        lambda recording, progress: compute([recording], progress)[0],
        overwrite=overwrite,
        strict=strict,
        workers=separator.codec.workers,
    )


def train_separate(
    out: options.RunFolder,
    recipe: options.Recipe = None,
    init_from: options.GoOnFrom = "",
    settings: options.Settings = None,
    resume: options.Resume = False,
) -> None:
    """Learn to separate latents of two talkers, with and without a recording of one of them."""
    run_training(
        "generation.separation.training",
        "train",
        out,
        recipe=recipe,
        init_from=init_from,
        settings=settings,
        resume=resume,
    )


def prepare_mixtures(
    speech: Annotated[Path, typer.Argument(help="List of clean recordings with a column speaker.")],
    out: Annotated[Path, typer.Argument(help="New folder for mixtures/, sources/, enrolments/ and mixtures.tsv.")],
    count: Annotated[int, typer.Option(min=1, help="Of mixtures.")] = 100,
    filters: options.RowFilter = None,
    noise: Annotated[
        Path | None, typer.Option(help="Folder or list of noise for all mixtures; without it none.")
    ] = None,
    snr: Annotated[str, typer.Option(help="LOW:HIGH, the range that ratios of speech to noise are drawn from, dB.")] = (
        "15:30"
    ),
    difference: Annotated[
        float, typer.Option(min=0.0, help="One talker is quieter than the other by up to so many dB.")
    ] = 5.0,
    whole: Annotated[
        bool, typer.Option("--whole", help="Keep the longer utterance whole; else it ends with the shorter one.")
    ] = False,
    enrolment: Annotated[
        float, typer.Option(min=0.0, max=30.0, help="Seconds of another recording of each talker; 0 for none.")
    ] = 3.0,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
) -> None:
    """Write mixtures of two talkers beside each of them alone, to evaluate separation on."""
    from wavcube.data.config import SourceConfig
    from wavcube.data.manifest import parse_filters
    from wavcube.data.mixing import TalkerConfig, TalkerMixer
    from wavcube.data.mixing.written_talkers import write_talker_mixtures

    low, high = options.decibels("--snr", snr)
    if 0 < enrolment < 1:
        raise WavCubeError(f"--enrolment {enrolment:g}: an enrolment lasts 1 s or more; 0 is for none")
    config = TalkerConfig(
        [SourceConfig(str(speech), where=parse_filters(filters or []))],
        [SourceConfig(str(noise))] if noise else [],
        min_seconds=0.0,
        level_difference_db=difference,
        partial_share=0.0,
        enrolment_seconds=enrolment or 1.0,
        noise_share=1.0 if noise else 0.0,
        coloured_share=0.0,
        snr_low_db=low,
        snr_high_db=high,
    )
    mixer = TalkerMixer(config, 16_000, seed)
    written = write_talker_mixtures(mixer, count, out, whole=whole, enrolments=enrolment > 0, progress=True)
    print(f"{written}: {count} mixtures of {len(mixer.by_speaker)} speakers")


def evaluate_separation(
    data: Annotated[
        Path,
        typer.Option(help="List with the columns path (of the mixture), source1 and source2; see prepare mixtures."),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="A model's folder or run, packaged, mixture, oracle-mask, oracle-latents or files:FOLDER; repeat it "
            "to compare with the first. FOLDER?decoded=1 and FOLDER?enroll=1 (by the enrolment) are options.",
        ),
    ] = None,
    out: evaluate.Output = Path("runs/separation"),
    codec: Annotated[str | None, typer.Option(help="Where the models' WavCube lies, if it has been moved.")] = None,
    filters: evaluate.Filter = None,
    limit: evaluate.Limit = None,
    metrics: evaluate.Metrics = "si_sdr,estoi,speaker,wer,wer_vs_original",
    speaker: evaluate.Speaker = None,
    asr: evaluate.ASR = None,
    cluster: evaluate.Cluster = "mixture",
    device: options.DeviceOption = options.Device.auto,
    processes: evaluate.Processes = None,
    listen: evaluate.Listen = True,
    as_json: options.AsJson = False,
) -> None:
    """Score separated talkers against each of them alone: a table here; report.html and the rest in --out."""
    from wavcube.generation.separation.evaluation.evaluate import SYSTEMS_BY_DEFAULT, evaluate_separation

    evaluate.run_evaluation(
        partial(evaluate_separation, codec=codec),
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
