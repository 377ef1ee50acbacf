"""How fast a corpus is read, and from which speed of the device on reading is the limit.

    python -m benchmarks.corpus [--utterances 192] [--readers 1 2] [--speeds 200 1000 5000]

The device is simulated: a model that sleeps for as long as one of that many times real time would compute. The audio is
the real speech of tests/fixtures/speech, utterances of 15 s, read from the page cache. "Folder" is `wavcube encode
--to files`: one thread that reads, a file for each recording.
"""

import argparse
import pickle
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import soundfile
import torch

from benchmarks.harness import machine, save
from wavcube.audio.io import AUDIO_SUFFIXES, load_audio
from wavcube.cli.many_files.batches import Task, run
from wavcube.cli.many_files.plan import make_plan
from wavcube.cli.many_files.recordings import find_recordings
from wavcube.corpora.decoding import Decoders
from wavcube.corpora.encode_shard import EncodeSettings, ShardEncoder
from wavcube.corpora.input_shards import InputShard, input_shards
from wavcube.corpora.latent_writer import LatentWriter
from wavcube.corpora.one_machine import Tally, make_shards
from wavcube.data.bucketing import BatchLimits
from wavcube.data.clip import Clip
from wavcube.data.stored_latents.values import StoredType
from wavcube.latents import Latents

RATE, SECONDS, DIM, FRAME_RATE = 16_000, 15, 128, 50.0
SPEECH = Path(__file__).parent.parent / "tests/fixtures/speech"
FORMATS: dict[str, dict[str, str]] = {".flac": {}, ".opus": {"format": "OGG", "subtype": "OPUS"}, ".mp3": {}}
LIMITS = BatchLimits(480.0, 0.25)


@dataclass
class SleepingModel:
    """Latents of noise after the time that a device of `speed` times real time would take."""

    speed: float
    workers: int = 1
    busy: float = 0.0
    _noise: np.ndarray = field(
        default_factory=lambda: np.random.default_rng(0).standard_normal((2000, DIM)).astype(np.float32)
    )

    def encode(self, recordings: list[dict[str, Any]], names: list[str]) -> Latents:
        lengths = [len(one["array"]) * 50 // RATE for one in recordings]
        seconds = sum(lengths) / FRAME_RATE / self.speed
        self.busy += seconds
        time.sleep(seconds)
        values = np.stack([self._noise[: max(lengths)]] * len(recordings))
        return Latents(torch.from_numpy(values), torch.tensor(lengths), FRAME_RATE)


def write_corpora(folder: Path, count: int) -> dict[str, Path]:
    """The same utterances in every format; their folders by suffix."""
    clips = [load_audio(path) for path in sorted(SPEECH.iterdir()) if path.suffix in {".flac", ".opus"}]
    random = np.random.default_rng(0)
    for number in range(count):
        parts = [clips[random.integers(len(clips))] for _ in range(12)]
        utterance = np.resize(np.concatenate(parts), SECONDS * RATE)
        for suffix, options in FORMATS.items():
            path = folder / suffix[1:] / f"{number:06d}{suffix}"
            path.parent.mkdir(exist_ok=True)
            soundfile.write(path, utterance, RATE, **options)
    return {suffix: folder / suffix[1:] for suffix in FORMATS}


def decoding_rate(folder: Path, processes: int) -> float:
    """Seconds of speech that are decoded in a second, after the processes have begun."""
    [shard] = input_shards([str(folder)], size=1_000_000)
    with Decoders(processes) as decoders:
        list(decoders.decode(iter(shard.clips[: 8 * max(1, processes)]), 1e9))
        began = time.perf_counter()
        seconds = sum(one.seconds for one in decoders.decode(iter(shard.clips), 1e9))
        return seconds / (time.perf_counter() - began)


def core_rate(folder: Path) -> float:
    """Seconds of speech that are decoded in a second of a core's time: the same on a machine that is busy otherwise."""
    [shard] = input_shards([str(folder)], size=1_000_000)
    with Decoders(0) as decoders:
        list(decoders.decode(iter(shard.clips[:8]), 1e9))
        began = time.process_time()
        seconds = sum(one.seconds for one in decoders.decode(iter(shard.clips), 1e9))
        return seconds / (time.process_time() - began)


def receiving_rate() -> float:
    """Seconds of speech that a second of a core takes over from a process that has decoded it."""
    sent = pickle.dumps([np.zeros(SECONDS * RATE, np.float32) for _ in range(24)], 5)
    began = time.process_time()
    for _ in range(4):
        pickle.loads(sent)
    return 4 * 24 * SECONDS / (time.process_time() - began)


def storing_rate(out: Path, stored: StoredType) -> float:
    """Seconds of speech whose latents a second of a core stores."""
    random = np.random.default_rng(0)
    values = random.standard_normal((round(SECONDS * FRAME_RATE), DIM)).astype(np.float32)
    with LatentWriter(out, InputShard(0, "noise"), stored, FRAME_RATE) as writer:
        began = 0.0
        for number in range(110):
            if number == 10:
                began = time.process_time()
            writer.add(Clip(str(number), Path(str(number))), values, SECONDS * RATE)
        return 100 * SECONDS / (time.process_time() - began)


def shards_rate(source: Path, out: Path, speed: float, readers: int) -> tuple[float, float]:
    """Times real time of making shards, and the share of the time in which the device waits."""
    model = SleepingModel(speed)
    settings = EncodeSettings("m", "i", "float32", "", "float16", 48, "{}", FRAME_RATE, DIM)
    with Decoders(readers) as decoders, Tally() as tally:
        encoder = ShardEncoder(model, settings, out, LIMITS, decoders)  # type: ignore[arg-type]
        shards = list(input_shards([str(source)], size=48))
        list(decoders.decode(iter(shards[0].clips[: 8 * max(1, readers)]), 1e9))
        began = time.perf_counter()
        make_shards(shards, encoder, tally)
        wall = time.perf_counter() - began
    return tally.seconds / wall, 1 - model.busy / wall


def folder_rate(source: Path, out: Path, speed: float) -> tuple[float, float]:
    """The same of today's folder run, a file for each recording."""
    model = SleepingModel(speed)
    plan = make_plan(find_recordings([str(source)]), out, ".safetensors", AUDIO_SUFFIXES)
    total = []

    def read(job: Any) -> tuple[dict[str, Any], float]:
        waveform = load_audio(job.source, RATE)
        total.append(len(waveform) / RATE)
        return {"array": waveform}, len(waveform) / RATE

    def compute(recordings: list[dict[str, Any]]) -> list[Latents]:
        return list(model.encode(recordings, []).to(dtype=torch.float16))

    began = time.perf_counter()
    run(plan, Task("encoded", read, compute, lambda job, latents: latents.save(job.target)), LIMITS, strict=True)
    wall = time.perf_counter() - began
    return sum(total) / wall, 1 - model.busy / wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=192)
    parser.add_argument("--readers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--speeds", type=float, nargs="+", default=[200.0, 1000.0, 5000.0])
    arguments = parser.parse_args()
    result: dict[str, Any] = {"utterances": arguments.utterances, "decoding": {}, "encoding": []}
    with tempfile.TemporaryDirectory() as temporary:
        result["receiving"] = receiving_rate()
        print(f"receiving waveforms, a core: {result['receiving']:6.0f} x real time", flush=True)
        for stored in get_args(StoredType):
            rate = result[f"storing {stored}"] = storing_rate(Path(temporary, stored), stored)
            print(f"storing {stored}, a core: {rate:6.0f} x real time", flush=True)
        corpora = write_corpora(Path(temporary), arguments.utterances)
        for suffix, folder in corpora.items():
            rate = result["decoding"][f"{suffix[1:]}, a core"] = core_rate(folder)
            print(f"{suffix[1:]:5} a core: {rate:6.0f} x real time", flush=True)
            for readers in arguments.readers:
                rate = decoding_rate(folder, readers)
                result["decoding"][f"{suffix[1:]}, {readers} processes"] = rate
                print(f"{suffix[1:]:5} {readers} reading processes: {rate:6.0f} x real time", flush=True)
        turn = 0
        for suffix, folder in corpora.items():
            for speed in arguments.speeds:
                turn += 1
                rate, wait = folder_rate(folder, Path(temporary, f"files{turn}"), speed)
                rows = [{"way": "folder", "readers": 1, "rate": rate, "wait": wait}]
                for readers in arguments.readers:
                    turn += 1
                    rate, wait = shards_rate(folder, Path(temporary, f"out{turn}"), speed, readers)
                    rows.append({"way": "shards", "readers": readers, "rate": rate, "wait": wait})
                for row in rows:
                    result["encoding"].append({"format": suffix[1:], "device": speed, **row})
                    print(
                        f"{suffix[1:]:5} device {speed:5.0f} x, {row['way']}, {row['readers']} readers: "
                        f"{row['rate']:6.0f} x real time, the device waits {100 * row['wait']:3.0f} % of the time",
                        flush=True,
                    )
    print(machine())
    print(save("corpus", result))


if __name__ == "__main__":
    main()
