"""Evaluation of text to speech: every text with several seeds, by the metrics of wavcube.evaluation."""

import itertools
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from wavcube.audio.io import load_audio
from wavcube.errors import ConfigError, WavCubeError
from wavcube.evaluation.metrics import Measurement, Metric, Pair, Quantity, Recording
from wavcube.evaluation.results import ResultStore, Task
from wavcube.files import atomic_path
from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.tts.evaluation.lists import SpokenItem
from wavcube.generation.tts.pipeline import FORM, TextToSpeech
from wavcube.generation.tts.prompt import Voice
from wavcube.hashing import digest, fingerprint_file

if TYPE_CHECKING:
    import pandas as pd

RECORDINGS = "recordings"
"""What tables call the true recordings, where a list has them."""

AT_ONCE = 16
"""Texts that are spoken together."""


@dataclass(frozen=True)
class SpeakingSettings:
    """How texts are spoken.

    Attributes:
        seeds: every text is spoken once with each.
        solver: how.
        true_duration: as long as the true recording, where its length is known, instead of the prompt's speaking rate.
        speed: relative to that rate.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    solver: SolverSettings = field(default_factory=SolverSettings)
    true_duration: bool = False
    speed: float = 1.0


class SpeakingRate(Metric):
    """Characters of the text that are spoken in a second, pauses included."""

    name = "rate"
    quantities = (Quantity("speaking_rate", "speaking rate", "characters/s", "higher", 1),)
    sample_rate = 16_000
    citation = "characters of the text, spaces included, over the duration"
    compares_samples = False
    packages: ClassVar[dict[str, str]] = {}

    def measure(self, pair: Pair) -> Measurement:
        return Measurement({"speaking_rate": len(pair.transcript or "") / pair.reconstruction.seconds})


def evaluate_speech(
    speaker: TextToSpeech,
    items: Sequence[SpokenItem],
    metrics: Sequence[Metric],
    folder: str | os.PathLike[str],
    settings: SpeakingSettings,
    *,
    name: str = "model",
    progress: Callable[[str, int, int], None] | None = None,
) -> "pd.DataFrame":
    """Speak all texts and measure them, or what of it is not yet in `folder`.

    Args:
        speaker: the model.
        items: see `read_list`.
        metrics: that need no sample-by-sample comparison (`Metric.compares_samples`).
        folder: keeps the speech (in `speech-DIGEST/seed-N`) and the measurements; the same one again continues.
        settings: how.
        name: of the model, in tables.
        progress: called with what is done, how many are, and how many there are.

    Returns:
        A row for each text and seed of the model, and of the true recordings where there are any: `utterance`,
        `system`, `seed`, `seconds`, `path`, a column a quantity, `undefined` (why), and the metrics' notes.

    Raises:
        ConfigError: a metric compares samples, of which a prompt and new speech have none in common.
    """
    refused = [metric.name for metric in metrics if metric.compares_samples]
    if refused:
        raise ConfigError(
            f"{', '.join(refused)}: compares speech with its original sample by sample, and generated speech has none; "
            "choose among wer, speaker, utmos and dnsmos"
        )
    import pandas as pd

    folder = Path(folder)
    spoken = folder / f"speech-{_digest(speaker, settings)}"
    failed = _speak_all(speaker, items, spoken, settings, progress)
    rows = []
    # True recordings stand beside every seed, so that systems can be compared row by row.
    systems = [name, *([RECORDINGS] if any(item.recording for item in items) else [])]
    with ResultStore(folder / "measurements.jsonl") as store:
        for number, item in enumerate(items):
            prompt = Recording(load_audio(item.prompt), 16_000, item.name)
            for system, seed in itertools.product(systems, settings.seeds):
                path = spoken / f"seed-{seed}" / f"{_file_name(item)}.flac" if system == name else item.recording
                row: dict[str, Any] = {"utterance": item.name, "system": system, "seed": seed}
                row |= {"text": item.text, "prompt": str(item.prompt), "path": str(path or ""), "seconds": float("nan")}
                row |= {q.name: float("nan") for metric in metrics for q in metric.quantities if not q.ratio}
                reason = failed.get(item.name, "there is no recording")
                undefined = {q.name: reason for metric in metrics for q in metric.quantities}
                if path is not None and path.is_file():
                    undefined = {}
                    recording = Recording(load_audio(path), 16_000, item.name)
                    row["seconds"] = recording.seconds
                    pair = Pair(prompt, recording, item.text, item.language)
                    for measured in _measured(store, pair, item, path, system, metrics):
                        row |= measured.values | measured.notes
                        undefined |= measured.undefined
                row["undefined"] = json.dumps(undefined, ensure_ascii=False) if undefined else ""
                rows.append(row)
            if progress is not None:
                progress("measured", number + 1, len(items))
    return pd.DataFrame(rows)


def measure_speed(
    speaker: TextToSpeech, items: Sequence[SpokenItem], solver: SolverSettings, count: int = 10
) -> dict[str, float]:
    """Real-time factor (computing over speech, prompt ready) and time to first audio (s, prompt ready, by sentence).

    Means over the first `count` texts, each spoken alone, after one that is not counted.
    """
    factors, first = [], []
    for number, item in enumerate([items[0], *items[:count]]):
        try:
            voice = speaker.voice(item.prompt, item.prompt_text)
            begin = time.perf_counter()
            speech = speaker.speak(item.text, voice, solver=solver)
            elapsed = time.perf_counter() - begin
            begin = time.perf_counter()
            next(speaker.stream(item.text, voice, solver=solver))
        except WavCubeError:
            continue  # counted where it is measured
        if number:
            factors.append(elapsed / speech.seconds)
            first.append(time.perf_counter() - begin)
    if not factors:
        return {}
    return {"real_time_factor": float(np.mean(factors)), "first_audio_seconds": float(np.mean(first))}


def _speak_all(
    speaker: TextToSpeech,
    items: Sequence[SpokenItem],
    folder: Path,
    settings: SpeakingSettings,
    progress: Callable[[str, int, int], None] | None,
) -> dict[str, str]:
    """Write what is not there yet; returns why an item could not be spoken, by name."""
    failed: dict[str, str] = {}
    total = done = len(items) * len(settings.seeds)
    todo: list[tuple[SpokenItem, int, Path]] = []
    for seed in settings.seeds:
        (folder / f"seed-{seed}").mkdir(parents=True, exist_ok=True)
        for item in items:
            path = folder / f"seed-{seed}" / f"{_file_name(item)}.flac"
            if not path.is_file():
                todo.append((item, seed, path))
    done -= len(todo)
    for start in range(0, len(todo), AT_ONCE):
        batch = []
        for item, seed, path in todo[start : start + AT_ONCE]:
            if item.name not in failed:
                try:
                    batch.append((item, seed, path, _voice_that_fits(speaker, item, settings)))
                except WavCubeError as error:
                    failed[item.name] = f"could not be spoken: {error}"
        for fixed in (True, False):
            group = [one for one in batch if (_seconds(one[0], settings) is not None) == fixed]
            if group:
                speeches = speaker.speak(
                    [item.text for item, _, _, _ in group],
                    [voice for _, _, _, voice in group],
                    seed=[seed for _, seed, _, _ in group],
                    seconds=[_seconds(item, settings) for item, _, _, _ in group] if fixed else None,  # type: ignore[misc]
                    speed=settings.speed,
                    solver=settings.solver,
                )
                for (_, _, path, _), speech in zip(group, speeches, strict=True):
                    speech.save(path)
        done += len(todo[start : start + AT_ONCE])
        if progress is not None:
            progress("spoken", done, total)
    return failed


def _voice_that_fits(speaker: TextToSpeech, item: SpokenItem, settings: SpeakingSettings) -> Voice:
    """The voice of an item whose text can be spoken with it, so that one bad item does not stop a batch."""
    voice = speaker.voice(item.prompt, item.prompt_text)
    speaker.check(item.text, voice, seconds=_seconds(item, settings), speed=settings.speed)
    return voice


def _seconds(item: SpokenItem, settings: SpeakingSettings) -> float | None:
    return item.seconds if settings.true_duration else None


def _measured(
    store: ResultStore, pair: Pair, item: SpokenItem, path: Path, system: str, metrics: Sequence[Metric]
) -> list[Measurement]:
    content = f"{fingerprint_file(path)} {fingerprint_file(item.prompt)} {item.language} {item.text}"
    found = []
    for metric in metrics:
        key = digest(f"{content}\n{metric.fingerprint()}")
        task = Task(item.name, system, metric.name, key)
        if task not in store:
            store.add([(task, metric(pair))])
        found.append(store[task])
    return found


def _digest(speaker: TextToSpeech, settings: SpeakingSettings) -> str:
    """Names all that changes the speech but for the seed."""
    described = {
        "speaker": speaker.fingerprint,
        "solver": asdict(settings.solver),
        "true_duration": settings.true_duration,
        "speed": settings.speed,
        "form": FORM,
    }
    return digest(json.dumps(described, sort_keys=True), 6)


def _file_name(item: SpokenItem) -> str:
    return item.name.replace("/", "_").replace("\\", "_")


def write_json(path: Path, content: Any) -> None:
    """Write JSON that appears whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
