"""Does the evaluation say what is known to be true? White noise at falling SNR must be worse by every metric.

    python -m benchmarks.evaluation_truth [--speaker resemblyzer] [--asr whisper:FOLDER]

The eight clips of tests/fixtures/speech as they are, and with white noise 30, 20, 10 and 0 dB under them (seed 0),
saved to files and read back by the harness as five models. Prints the table, and which quantities fail to order the
five.
"""

import argparse
import itertools
import math
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.harness import save
from wavcube.audio.io import load_audio, save_audio
from wavcube.evaluation.report import terminal_table
from wavcube.reconstruction import (
    MetricOptions,
    choose_metrics,
    evaluate,
    load_system,
    read_clips,
    summarise,
)

SPEECH = Path(__file__).parent.parent / "tests" / "data" / "speech"
SNRS_DB = (30, 20, 10, 0)
RATE = 16_000


def write_noisy(folder: Path, snr_db: float) -> None:
    """All clips with noise, under their names."""
    folder.mkdir()
    for utterance in read_clips(SPEECH / "speech.tsv"):
        clip = load_audio(utterance.path, RATE)
        noise = np.random.default_rng(0).standard_normal(len(clip))
        level = np.sqrt(np.square(clip).mean() / 10 ** (snr_db / 10))
        save_audio(folder / f"{utterance.name}.wav", clip + level * noise, RATE, float32=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speaker")
    parser.add_argument("--asr")
    arguments = parser.parse_args()
    chosen = choose_metrics(None, MetricOptions(speaker=arguments.speaker, asr=arguments.asr))
    with tempfile.TemporaryDirectory() as name:
        for snr_db in SNRS_DB:
            write_noisy(Path(name) / f"{snr_db} dB", snr_db)
        systems = [load_system("identity"), *(load_system(f"files:{name}/{snr_db} dB") for snr_db in SNRS_DB)]
        utterances = read_clips(SPEECH / "speech.tsv")
        table = evaluate(systems, utterances, chosen.metrics, Path(name) / "out", show_progress=True)
    summary = summarise(table, chosen.metrics)
    Console(width=140, highlight=False).print(terminal_table(summary))
    disordered = []
    for quantity in summary.quantities:
        values = [summary.estimates[system][quantity.name].value for system in summary.systems]
        sign = 1 if quantity.better == "lower" else -1
        defined = [sign * value for value in values if not math.isnan(value)]  # SI-SDR of the identity is infinite
        if any(better > worse for better, worse in itertools.pairwise(defined)) or defined[0] == defined[-1]:
            disordered.append(quantity.name)
    print("not in order:", ", ".join(disordered) or "none")
    values = {
        system: {q: round(e.value, 4) for q, e in found.items() if e.count}
        for system, found in summary.estimates.items()
    }
    result = {"notes": summary.notes, "skipped": chosen.skipped, "not_in_order": disordered, "values": values}
    save("evaluation_truth", result)


if __name__ == "__main__":
    main()
