"""How fast one worker loads 10 s crops, by format and source, and what random access into a long list costs.

    python -m benchmarks.data_loading [--rounds 7] [--lines 1000000]

The audio is made of the real speech in tests/fixtures/speech, in a temporary folder and read from the page cache: it is
the processor's share of loading, not the disk's. A worker is one process with one thread, so its share is measured in
this process. "Whole" decodes each recording from start to end and cuts the crop from it, as the reference does.
"""

import argparse
import json
import multiprocessing
import resource
import tarfile
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from benchmarks.harness import interleave, save
from wavcube.audio.io import as_mono, load_audio
from wavcube.data.line_index import LineIndex, build_index
from wavcube.data.streaming import DataConfig, SourceConfig, build_loader
from wavcube.data.streaming.samplers import InfiniteDistributedBatchSampler

RATE = 16_000
CROP_SECONDS = 10
BATCH = 8
BATCHES = 4  # a round loads 4 x 8 x 10 s
SPEECH = Path(__file__).parent.parent / "tests" / "data" / "speech"


def speech(seconds: float, random: np.random.Generator) -> np.ndarray:
    """`[S]` float32 of the repository's clips in random order."""
    clips = [load_audio(path) for path in sorted(SPEECH.iterdir()) if path.suffix in {".flac", ".opus"}]
    parts: list[np.ndarray] = []
    while sum(part.size for part in parts) < seconds * RATE:
        parts.append(clips[random.integers(len(clips))])
    return np.concatenate(parts)[: round(seconds * RATE)]


def write_corpora(folder: Path) -> dict[str, SourceConfig]:
    """Write the same kind of speech in the formats that corpora come in; the sources by what they are called."""
    random = np.random.default_rng(0)
    utterances = [speech(15, random) for _ in range(64)]
    for name, suffix, options in (
        ("flac", ".flac", {}),
        ("opus", ".opus", {"format": "OGG", "subtype": "OPUS"}),
        ("mp3", ".mp3", {}),
    ):
        (folder / name).mkdir()
        for number, utterance in enumerate(utterances):
            soundfile.write(folder / name / f"{number}{suffix}", utterance, RATE, **options)
    (folder / "wav24").mkdir()
    for number, utterance in enumerate(utterances):
        soundfile.write(folder / "wav24" / f"{number}.wav", as_mono(utterance, RATE, 24_000), 24_000)
    with tarfile.open(folder / "shard.tar", "w") as tar:
        for path in sorted((folder / "flac").iterdir()):
            tar.add(path, path.name)
    (folder / "long").mkdir()
    cuts = []
    for number in range(4):
        path = folder / "long" / f"{number}.flac"
        soundfile.write(path, speech(3600, random), RATE)
        for start in range(0, 3600 - 15, 15):
            entry = {"id": f"{number}-{start}", "start": start, "duration": 15.0, "channel": 0}
            cuts.append({**entry, "recording": {"sources": [{"type": "file", "source": str(path)}]}})
    (folder / "cuts.jsonl").write_text("".join(json.dumps(cut) + "\n" for cut in cuts))
    return {
        "FLAC, 15 s utterances": SourceConfig(str(folder / "flac")),
        "FLAC, 15 s cuts of 1 h recordings": SourceConfig(str(folder / "cuts.jsonl")),
        "FLAC in a tar shard": SourceConfig(str(folder / "shard.tar")),
        "WAV, 24 kHz": SourceConfig(str(folder / "wav24")),
        "Opus": SourceConfig(str(folder / "opus")),
        "MP3": SourceConfig(str(folder / "mp3")),
    }


def loading(source: SourceConfig) -> Callable[[], None]:
    """A function that loads the next `BATCHES` batches of a source."""
    options = {"crop_samples": CROP_SECONDS * RATE, "batch_size": BATCH, "train": True}
    batches = iter(build_loader(DataConfig([source]), **options))

    def run() -> None:
        for _ in range(BATCHES):
            assert next(batches).waveform.shape == (BATCH, CROP_SECONDS * RATE)

    return run


def whole(folder: Path, count: int) -> Callable[[], None]:
    """A function that decodes `count` whole recordings and cuts a crop from each."""
    paths = sorted(folder.iterdir())
    random = np.random.default_rng(0)

    def run() -> None:
        for _ in range(count):
            waveform = load_audio(paths[random.integers(len(paths))])
            start = random.integers(waveform.size - CROP_SECONDS * RATE + 1)
            waveform[start : start + CROP_SECONDS * RATE] / np.abs(waveform).max()

    return run


def long_list(path: Path, lines: int) -> dict[str, Any]:
    """Time and memory of indexing a list and of looking lines up in it."""
    with path.open("w") as file:
        for number in range(lines):
            source = f"download/librilight/small/{number % 997}/book_{number % 7919}/chapter_{number % 31}.flac"
            recording = {"id": source, "sources": [{"type": "file", "channels": [0], "source": source}]}
            entry = {"id": f"small/{number}", "start": 12.5, "duration": 15.25, "channel": 0, "recording": recording}
            file.write(json.dumps({**entry, "text": "x" * 200}) + "\n")
    begin = time.process_time()
    build_index(path)
    build = time.process_time() - begin
    # In a fresh process, whose memory building the index has not touched.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        used = pool.submit(look_up, path, 20_000).result()
    return {"lines": lines, "megabytes": round(path.stat().st_size / 1e6), "build_s": round(build, 2), **used}


def look_up(path: Path, count: int) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    index = LineIndex(path)
    opened = time.process_time() - begin
    numbers = np.random.default_rng(0).integers(len(index), size=count)
    begin = time.process_time()
    for number in numbers:
        json.loads(index[int(number)])
    each = (time.process_time() - begin) / count
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "open_ms": round(opened * 1e3, 2),
        "lookup_us": round(each * 1e6, 1),
        "added_memory_mb": round(added / 1e3, 1),
    }


def long_order(clips: int) -> dict[str, float]:
    """Seconds of the processor to the first batch of an epoch over so many clips, and for each batch after it."""
    batches = iter(InfiniteDistributedBatchSampler([clips], [1.0], BATCH, 0, 0, 1))
    begin = time.process_time()
    next(batches)
    first = time.process_time() - begin
    begin = time.process_time()
    for _ in range(10_000):
        next(batches)
    return {
        "clips": clips,
        "first_batch_s": round(first, 3),
        "next_batch_us": round((time.process_time() - begin) * 100, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--lines", type=int, default=1_000_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = write_corpora(folder)
        variants = {name: loading(source) for name, source in sources.items()}
        variants["FLAC, 15 s utterances, whole"] = whole(folder / "flac", BATCHES * BATCH)
        variants["FLAC, 1 h recordings, whole"] = whole(folder / "long", 1)
        timings = interleave(variants, arguments.rounds)
        listed = long_list(folder / "long.jsonl", arguments.lines)
    speeds = {}
    for name, timing in timings.items():
        crops = 1 if name == "FLAC, 1 h recordings, whole" else BATCHES * BATCH
        speeds[name] = {"by_wall": speed(crops, timing.wall), "by_cpu": speed(crops, timing.cpu)}
        print(f"{name:38s} {speeds[name]['by_wall']:>7,} x real time (wall) {speeds[name]['by_cpu']:>7,} x (CPU)")
    order = long_order(10_000_000)
    print(listed, order, sep="\n")
    result = {"crop_seconds": CROP_SECONDS, "batch": BATCH, "seed": 0, "times_real_time": speeds, "timings": timings}
    print(save("data_loading", {**result, "long_list": listed, "long_order": order}))


def speed(crops: int, seconds: float) -> int:
    return round(crops * CROP_SECONDS / seconds)


if __name__ == "__main__":
    main()
