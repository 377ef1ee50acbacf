"""`wavcube tts`, `wavcube train tts`, `wavcube evaluate tts`: text to speech."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavcube.cli import evaluate, options
from wavcube.cli.options import AsJson, Device, DeviceOption, torch_device
from wavcube.cli.train import run_training
from wavcube.errors import ConfigError

if TYPE_CHECKING:
    from wavcube.generation.tts import TextToSpeech


class Dtype(StrEnum):
    """The type of what the transformer computes."""

    float32 = "float32"
    bfloat16 = "bfloat16"


DtypeOption = Annotated[Dtype, typer.Option("--dtype", help="Precision of the transformer.")]
Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="A text-to-speech model's folder or run; by default the packaged one."),
]
Representation = Annotated[
    str | None,
    typer.Option(help="Where the representation lies that the model was trained on (wavcube:FOLDER and the like)."),
]
Vocoder = Annotated[
    str | None, typer.Option(help="ONNX or TorchScript file that makes speech of frames, for log-mel and others.")
]
ASR = Annotated[str | None, typer.Option(help="whisper:NAME_OR_FOLDER or ctc:ID_OR_FOLDER.")]
NFE_HELP = "Evaluations of the transformer; 5 to 12 are faster."
Method = Annotated[str, typer.Option(help="euler or midpoint (two evaluations a step).")]
Guidance = Annotated[float, typer.Option(help="Strength of classifier-free guidance; 0 for none.")]
Sway = Annotated[float, typer.Option(help="Of the time grid: -1 to 1.75; 0 spaces steps evenly.")]
FewSteps = Annotated[
    bool,
    typer.Option(
        "--few-steps", help="The model's distilled form: at most 8 evaluations, without --nfe, --guidance and the like."
    ),
]


def tts(
    text: Annotated[
        str,
        typer.Argument(help="The text to speak, or @FILE to read it from a file; @@ for a text that begins with @."),
    ],
    prompt: Annotated[
        Path | None, typer.Option("--prompt", "-p", help="Recording of the voice, best 3 to 10 s.")
    ] = None,
    prompt_text: Annotated[str | None, typer.Option(help="Transcript of the prompt; else --asr makes it.")] = None,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "--output",
            "-o",
            help="WAV or FLAC file to write; - streams raw 16-bit mono samples to standard output, sentence by "
            "sentence.",
        ),
    ] = Path("out.wav"),
    model: Model = None,
    representation: Representation = None,
    vocoder: Vocoder = None,
    asr: ASR = None,
    seconds: Annotated[float | None, typer.Option(help="Duration; else by the prompt's speaking rate.")] = None,
    speed: Annotated[float, typer.Option(help="Relative to the prompt's speaking rate.")] = 1.0,
    pause: Annotated[
        float | None, typer.Option(min=0, help="Seconds of silence between sentences; else as the model makes them.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a text with anything that cannot be said; else that is left out.")
    ] = False,
    show_text: Annotated[
        bool, typer.Option("--show-text", help="Print what would be said and its phonemes; nothing is spoken.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Another one speaks it another way.")] = 0,
    nfe: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"{NFE_HELP} 16 by default; a stream's first sentence then takes a distilled model's few steps.",
        ),
    ] = None,
    method: Method = "euler",
    guidance: Guidance = 2.0,
    sway: Sway = -1.0,
    few_steps: FewSteps = False,
    device: DeviceOption = Device.auto,
    dtype: DtypeOption = Dtype.float32,
) -> None:
    """Speak a text in the voice of a prompt. Cloning a voice needs its owner's consent."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    from wavcube.audio.io import as_pcm16
    from wavcube.generation.tts import SolverSettings
    from wavcube.progress import Progress

    if show_text:
        _show_text(_text(text), model, strict)
        return
    if prompt is None:
        raise ConfigError("name a recording of the voice (--prompt)")
    solver = SolverSettings(nfe or 16, method, sway, guidance=guidance, few_steps=few_steps)
    streamed = str(out) == "-"
    if streamed and sys.stdout is None:
        raise ConfigError("-o - speaks to the standard output, which is closed")
    if not streamed and out.suffix.lower() not in {".wav", ".flac"}:
        raise ConfigError(f"{out}: end the name in .wav or .flac")
    if not streamed and not out.parent.is_dir():
        raise ConfigError(f"{out}: the folder {out.parent} does not exist; make it first")
    if not streamed and out.exists() and prompt.exists() and out.samefile(prompt):
        raise ConfigError(f"{out}: is the prompt itself; give another name")
    if streamed and seconds is not None:
        raise ConfigError("-o - speaks sentence by sentence, whose durations --seconds cannot say; use --speed")
    speaker = _load(model, representation, vocoder, asr, device, dtype)
    voice = speaker.voice(prompt, prompt_text)
    console = Console(stderr=True)
    if streamed:
        console.print(f"raw 16-bit mono samples, {speaker.sample_rate} Hz", style="dim")
        by_default = nfe is None and solver == SolverSettings()
        for waveform in speaker.stream(
            _text(text),
            voice,
            speed=speed,
            pause=pause,
            strict=strict,
            seed=seed,
            solver=None if by_default else solver,
        ):
            sys.stdout.buffer.write(as_pcm16(waveform).tobytes())
            sys.stdout.buffer.flush()
        return
    columns = (TextColumn("speaking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("speaking", total=None)
        speech = speaker.speak(
            _text(text),
            voice,
            seconds=seconds,
            speed=speed,
            pause=pause,
            strict=strict,
            seed=seed,
            solver=solver,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    speech.save(out)
    print(f"{out}: {speech.seconds:.2f} s")


def train_tts(
    out: options.RunFolder,
    recipe: options.Recipe = None,
    init_from: Annotated[
        str, typer.Option("--from", help='A text-to-speech model to fine-tune: a folder, a run or "packaged".')
    ] = "",
    settings: options.Settings = None,
    resume: options.Resume = False,
) -> None:
    """Learn to speak the frames of any representation from transcribed speech."""
    run_training(
        "generation.tts.training",
        "train,tts",
        out,
        recipe=recipe,
        init_from=init_from,
        settings=settings,
        resume=resume,
    )


def evaluate_tts(
    texts: Annotated[Path, typer.Option("--list", help="What to speak: a LibriSpeech-PC or Seed-TTS list, or a .tsv.")],
    audio: Annotated[Path | None, typer.Option(help="Folder of the list's recordings; by default beside it.")] = None,
    model: Model = None,
    representation: Representation = None,
    vocoder: Vocoder = None,
    out: evaluate.Output = Path("runs/tts-evaluation"),
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many texts.")] = None,
    seeds: Annotated[str, typer.Option(help="Numbers with commas between; every text is spoken with each.")] = "0,1,2",
    nfe: Annotated[int, typer.Option(min=1, help=NFE_HELP)] = 32,  # as the paper's evaluation
    method: Method = "euler",
    guidance: Guidance = 2.0,
    sway: Sway = -1.0,
    few_steps: FewSteps = False,
    speed: Annotated[float, typer.Option(help="Relative to the prompt's speaking rate.")] = 1.0,
    true_duration: Annotated[bool, typer.Option(help="As long as the true recording, where the list says.")] = False,
    speaker: Annotated[
        str | None, typer.Option(help="Speaker encoder: ecapa:CHECKPOINT, xvector:ID, FILE.onnx or resemblyzer.")
    ] = None,
    asr: ASR = None,
    utmos: Annotated[str | None, typer.Option(help="UTMOS weights: a file, or hub to download them.")] = None,
    normaliser: Annotated[
        str, typer.Option(help="Of texts before words are counted: lower (as F5-TTS), whisper or none.")
    ] = "lower",
    timed: Annotated[int, typer.Option(min=0, help="So many texts are timed, each alone.")] = 10,
    device: DeviceOption = Device.auto,
    dtype: DtypeOption = Dtype.float32,
    listen: evaluate.Listen = True,
    as_json: AsJson = False,
) -> None:
    """Word errors, similarity to the prompt and speed of a text-to-speech model (the paper's Tables 3 and 4)."""
    from wavcube.evaluation.metrics import MetricOptions, choose_metrics
    from wavcube.generation.flow.solver import SolverSettings
    from wavcube.generation.tts.evaluation.evaluate import (
        SpeakingRate,
        SpeakingSettings,
        evaluate_speech,
        measure_speed,
    )
    from wavcube.generation.tts.evaluation.lists import read_list
    from wavcube.generation.tts.evaluation.prosody import Prosody
    from wavcube.generation.tts.evaluation.report import write_speech_report
    from wavcube.progress import stages

    console = evaluate.result_console(as_json)
    items = read_list(texts, audio, limit)
    solver = SolverSettings(nfe, method, sway, guidance=guidance, few_steps=few_steps)
    settings = SpeakingSettings(_seeds(seeds), solver, true_duration, speed)
    loaded = _load(model, representation, vocoder, None, device, dtype)
    options = MetricOptions(speaker, asr, utmos, normaliser, str(loaded.model.device))
    chosen = choose_metrics(["wer", "speaker", "utmos", "dnsmos"], options, [Prosody, SpeakingRate])
    for name, how in chosen.skipped.items():
        evaluate.print_skipped(console, name, how)
    name = Path(model).name if model else "packaged"
    with stages("speaking") as progress:
        table = evaluate_speech(
            loaded,
            items,
            chosen.metrics,
            out,
            settings,
            name=name,
            progress=progress,
        )
    facts = {
        "model": f"{name}, {loaded.fingerprint}",
        "representation": loaded.representation.extractor.name,
        "list": f"{texts.name}, {len(items)} texts, seeds {seeds}",
        "solver": "the model's few steps"
        if few_steps
        else f"{method}, {nfe} evaluations, guidance {guidance:g}, sway {sway:g}",
        **_machine(loaded),
        **(measure_speed(loaded, items, solver, timed) if timed else {}),
    }
    summary = write_speech_report(table, chosen, out, facts, listen=listen)
    for key in ("real_time_factor", "first_audio_seconds"):
        if key in facts:
            console.print(f"{key.replace('_', ' ')}: {facts[key]:.3f}")
    evaluate.print_summary(console, summary, out, as_json)


def _load(
    model: str | None,
    representation: str | None,
    vocoder: str | None,
    asr: str | None,
    device: Device,
    dtype: Dtype,
) -> "TextToSpeech":
    import torch

    from wavcube.generation.tts import TextToSpeech

    where = torch_device(device)
    reader = None
    if asr:
        from wavcube.evaluation.asr import load_asr

        reader = load_asr(asr, where)
    speaker = TextToSpeech.from_pretrained(
        model, representation=representation, vocoder=vocoder, asr=reader, device=where
    )
    return speaker.optimize(getattr(torch, dtype.value))


def _text(text: str) -> str:
    """The text of the command: of a file after one @; a text of several words that begins with @ names none."""
    if text.startswith("@@"):
        return text[1:]
    if not text.startswith("@") or (len(text.split()) > 1 and not Path(text[1:]).exists()):
        return text
    from wavcube.data.rows import read_text

    return read_text(Path(text[1:]))


def _show_text(text: str, model: str | None, strict: bool) -> None:
    from wavcube.generation.tts.model import PACKAGED, FlowMatchingTTS
    from wavcube.generation.tts.pipeline import prepare

    reader = FlowMatchingTTS.from_pretrained(model or PACKAGED)
    for section in prepare(text, reader, strict).sections:
        if section.text:
            print(section.text)
            print("".join(reader.text_frontend(section.text)).strip())
        if section.pause:
            print(f"({section.pause:g} s of silence)")


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--seeds {text}: write numbers with commas between, such as 0,1,2") from error


def _machine(speaker: "TextToSpeech") -> dict[str, str]:
    import platform

    import torch

    if speaker.model.device.type == "cuda":
        return {"machine": torch.cuda.get_device_name()}
    return {"machine": f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"}
