"""What each precision of the packaged model costs: distances from float32, PESQ, STOI and word errors on real speech.

    python -m benchmarks.precision --data speech.tsv [--filter split=test] [--clips 20] [--asr whisper:FOLDER]
    python -m benchmarks.precision --data speech.tsv --probes FOLDER

The manifest is one of `wavcube evaluate`; its first `--clips` recordings of 4 to 12 s by different speakers, as far as
there are, are encoded and decoded one by one. Distances are relative L2 over all values of all clips, against the
plain model in float32; waveforms are compared after decoding each form's own latents. Word errors are those of the
whole corpus.

With `--probes` it is asked instead what linear probes find in the latents of each precision, with heads trained on
latents of the same one (`wavcube probe`, one seed; its columns are needed in the manifest). Frames lie in FOLDER.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from benchmarks.harness import save
from wavcube import WavCube
from wavcube.audio.io import load_audio
from wavcube.data.clip import Clip
from wavcube.data.manifest import parse_filters
from wavcube.evaluation.metric import Metric, Pair, Recording
from wavcube.features import FrameCache
from wavcube.features.wavcube import WavCubeExtractor
from wavcube.reconstruction import MetricOptions, choose_metrics, read_clips
from wavcube.understanding.probes.characters import character_probe
from wavcube.understanding.probes.data import character_corpus, read_list, speaker_corpus
from wavcube.understanding.probes.probe import ProbeSettings
from wavcube.understanding.probes.speakers import speaker_probe

FORMS = {"plain": None, "float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.int8}
SECONDS = (4.0, 12.0)


def choose(utterances: list[Clip], count: int) -> list[Clip]:
    """`count` utterances, one of every speaker before a second one of any."""
    seen: dict[str, int] = {}
    turns = []
    for utterance in utterances:
        if SECONDS[0] <= utterance.seconds <= SECONDS[1]:
            speaker = utterance.columns.get("speaker", "")
            turns.append((seen.get(speaker, 0), utterance))
            seen[speaker] = seen.get(speaker, 0) + 1
    return [utterance for _, utterance in sorted(turns, key=lambda turn: turn[0])[:count]]


def score(metrics: list[Metric], pairs: list[Pair]) -> dict[str, float]:
    """Means over the clips; word errors of the corpus in percent."""
    values: dict[str, list[float]] = {}
    for pair in pairs:
        for metric in metrics:
            for name, value in metric(pair).values.items():
                values.setdefault(name, []).append(value)
    means: dict[str, float] = {name: float(np.mean(values[name])) for name in ("pesq_wb", "stoi") if name in values}
    if "words" in values:
        means["wer_corpus"] = 100 * sum(values["word_errors"]) / sum(values["words"])
    return means


def distance(values: list[np.ndarray], reference: list[np.ndarray]) -> float:
    ours, exact = np.concatenate(values), np.concatenate(reference)
    return float(np.linalg.norm(ours - exact) / np.linalg.norm(exact))


def probe(data: Path, folder: Path) -> None:
    """Character error rate and speaker accuracy from the latents; `wavcube probe` gives those of the plain model."""
    settings = ProbeSettings(seeds=(0,))
    rows = read_list(data)
    tasks = {"characters": (character_corpus, character_probe), "speakers": (speaker_corpus, speaker_probe)}
    results: dict[str, dict[str, object]] = {}
    for form, dtype in (("bfloat16", torch.bfloat16), ("int8", torch.int8)):
        extractor = WavCubeExtractor(WavCube.from_pretrained().optimize(dtype))
        extractor.fingerprint += f"-{form}"  # the same latents to whoever reads them, but not the same numbers
        cache = FrameCache(extractor, folder)
        results[form] = {}
        for task, (build, run) in tasks.items():
            corpus = build(rows, data)
            cache.extract([example.clip for example in corpus.examples], progress=True)
            results[form][task] = asdict(run(cache, corpus, settings))
            print(form, task, results[form][task], flush=True)
    print(save("precision-probes", {"model": WavCube.from_pretrained().identity, "data": data.name, "rows": results}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--filter", action="append", default=[])
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--asr", help="such as whisper:FOLDER; without it words are not counted")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--probes", type=Path, metavar="FOLDER", help="probe the latents instead")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.probes:
        probe(Path(options.data), options.probes)
        return
    utterances = choose(read_clips(options.data, parse_filters(options.filter or ())), options.clips)
    names = ["pesq_wb", "stoi"] + (["wer"] if options.asr else [])
    metrics = choose_metrics(names, MetricOptions(asr=options.asr)).metrics
    originals = [Recording(load_audio(utterance.path), 16_000, utterance.name) for utterance in utterances]
    exact: tuple[list[np.ndarray], list[np.ndarray]] | None = None
    rows: dict[str, dict[str, float]] = {}
    for name, dtype in FORMS.items():
        model = WavCube.from_pretrained()
        if dtype is not None:
            model.optimize(dtype)
        latents = [model.encode(original.waveform, 16_000) for original in originals]
        speech = [model.decode(latent)[0].float().numpy() for latent in latents]
        made = [latent.values[0].float().numpy().ravel() for latent in latents], speech
        exact = exact or made
        pairs = [
            Pair(original, Recording(waveform, 16_000), utterance.transcript, utterance.language)
            for original, waveform, utterance in zip(originals, speech, utterances, strict=True)
        ]
        rows[name] = {"latent": distance(made[0], exact[0]), "waveform": distance(made[1], exact[1])}
        rows[name] |= score(metrics, pairs)
        print(name, ", ".join(f"{key} {value:.3g}" for key, value in rows[name].items()), flush=True)
    if options.asr:
        pairs = [Pair(o, o, u.transcript, u.language) for o, u in zip(originals, utterances, strict=True)]
        rows["original"] = score([metric for metric in metrics if metric.name == "wer"], pairs)
        print("original", rows["original"])
    identity = WavCube.from_pretrained().identity
    chosen = [utterance.name for utterance in utterances]
    print(save("precision", {"model": identity, "filter": options.filter, "clips": chosen, "rows": rows}))


if __name__ == "__main__":
    main()
