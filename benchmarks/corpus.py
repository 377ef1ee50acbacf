"""How fast a corpus is read, and from which speed of the device on reading is the limit.

    python -m benchmarks.corpus [--utterances 192] [--readers 1 2] [--speeds 200 1000 5000]

The device is simulated: a model that sleeps for as long as one of that many times real time would compute. The audio is
the real speech of tests/fixtures/speech, utterances of 15 s, read from the page cache. "Folder" is `wavcube encode
--to files`: one thread that reads, a file for each recording.

Rates on the clock and the share of the time that the device waits are those of this machine with all that runs on it
beside; rates a core are of the processor's time, and the same on a machine that is busy otherwise.
"""

import argparse
import math
import pickle
import tempfile
import time
from contextlib import ExitStack
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


def decoding_rate(folder: Path, decoders: Decoders) -> float:
    """Seconds of speech that are decoded in a second, after the processes have begun."""
    [shard] = input_shards([str(folder)], size=1_000_000)
    list(decoders.decode(iter(shard.clips[: 8 * max(1, decoders.processes)]), 1e9))
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


@dataclass
class Run:
    """One way at one speed of the device, timed from its beginning to its end."""

    model: SleepingModel
    began: float = field(default_factory=time.perf_counter)
    began_core: float = field(default_factory=time.process_time)

    def facts(self, seconds: float) -> dict[str, float]:
        """Times real time, the share of the time in which the device waits, and times real time of a core of this
        process, which sleeps while the device computes."""
        wall, core = time.perf_counter() - self.began, time.process_time() - self.began_core
        return {"rate": seconds / wall, "wait": 1 - self.model.busy / wall, "core": seconds / core}


def shards_rate(source: Path, out: Path, speed: float, decoders: Decoders) -> dict[str, float]:
    """Of making shards; decoding is in other processes, and not in the time of the core."""
    model = SleepingModel(speed)
    settings = EncodeSettings("m", "i", "float32", "", "float16", 48, "{}", FRAME_RATE, DIM)
    encoder = ShardEncoder(model, settings, out, LIMITS, decoders)  # type: ignore[arg-type]
    shards = list(input_shards([str(source)], size=48))
    with Tally() as tally:
        run = Run(model)
        make_shards(shards, encoder, tally)
        return run.facts(tally.seconds)


def folder_rate(source: Path, out: Path, speed: float) -> dict[str, float]:
    """Of today's folder run, a file for each recording; decoding is in the time of the core."""
    model = SleepingModel(speed)
    plan = make_plan(find_recordings([str(source)]), out, ".safetensors", AUDIO_SUFFIXES)
    total = []

    def read(job: Any) -> tuple[dict[str, Any], float]:
        waveform = load_audio(job.source, RATE)
        total.append(len(waveform) / RATE)
        return {"array": waveform}, len(waveform) / RATE

    def compute(recordings: list[dict[str, Any]]) -> list[Latents]:
        return list(model.encode(recordings, []).to(dtype=torch.float16))

    timed = Run(model)
    run(plan, Task("encoded", read, compute, lambda job, latents: latents.save(job.target)), LIMITS, strict=True)
    return timed.facts(sum(total))


def plan_of(decoding: dict[str, float], speed: float) -> dict[str, Any]:
    """What 100,000 hours take at a speed of the device, and the processes that have to read beside each."""
    hours = 100_000 / speed
    readers = {name: math.ceil(speed / rate) for name, rate in decoding.items()}
    return {"device": speed, "hours of 8": hours / 8, "hours of 64": hours / 64, "reading processes": readers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=192)
    parser.add_argument("--readers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--speeds", type=float, nargs="+", default=[200.0, 1000.0, 5000.0])
    arguments = parser.parse_args()
    result: dict[str, Any] = {"utterances": arguments.utterances, "a core": {}, "on the clock": {}, "encoding": []}
    cores: dict[str, float] = result["a core"]
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        cores["receiving"] = receiving_rate()
        for stored in get_args(StoredType):
            cores[f"storing {stored}"] = storing_rate(Path(temporary, stored), stored)
        corpora = write_corpora(Path(temporary), arguments.utterances)
        decoding = {suffix[1:]: core_rate(folder) for suffix, folder in corpora.items()}
        cores |= {f"decoding {name}": rate for name, rate in decoding.items()}
        for name, rate in cores.items():
            print(f"{name}: {rate:6.0f} x real time, {rate / 3600:.2f} hours of speech a second of a core", flush=True)
        readers = [stack.enter_context(Decoders(count)) for count in arguments.readers]
        for suffix, folder in corpora.items():
            name = suffix[1:]
            for decoders in readers:
                rate = result["on the clock"][f"{name}, {decoders.processes} processes"] = decoding_rate(
                    folder, decoders
                )
                print(f"{name:5} {decoders.processes} reading processes: {rate:6.0f} x real time", flush=True)
            for speed in arguments.speeds:
                out = Path(temporary, f"{name} {speed:g}")
                rows = [{"way": "folder", "readers": 1, **folder_rate(folder, out / "files", speed)}]
                for decoders in readers:
                    facts = shards_rate(folder, out / str(decoders.processes), speed, decoders)
                    rows.append({"way": "shards", "readers": decoders.processes, **facts})
                for row in rows:
                    result["encoding"].append({"format": name, "device": speed, **row})
                    print(
                        f"{name:5} device {speed:5.0f} x, {row['way']}, {row['readers']} readers: {row['rate']:6.0f} x "
                        f"real time, the device waits {100 * row['wait']:3.0f} % of the time; "
                        f"{row['core']:6.0f} x a core",
                        flush=True,
                    )
    result["100,000 hours"] = [plan_of(decoding, speed) for speed in arguments.speeds]
    for row in result["100,000 hours"]:
        print(row)
    print(machine())
    print(save("corpus", result))


if __name__ == "__main__":
    main()
