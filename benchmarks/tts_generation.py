"""Text to speech: how fast it speaks, and how much of the machine's matrix-product rate its training reaches.

    python -m benchmarks.tts_generation [--preset nano] [--model FOLDER] [--threads 2] [--rounds 3]

Speaking: a 3 s prompt and 5 s of new speech by the transformer alone (random weights have the speed of trained ones),
for several solvers; and with --model, of a trained model with its decoder. Training: forward, backward, clipping and
AdamW on batches that come from the frame cache, floating point operations of matrix products over the time, against
the best rate of a product of 2048 x 2048 matrices on this machine. Everything is given by the wall clock and by the
CPU time of the process, which means more on a machine that has other work; use one thread for that.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.harness import Timing, interleave, save
from wavcube.audio import save_audio
from wavcube.frontends import build_frontend
from wavcube.generation.batches import BatchStream
from wavcube.generation.config import RepresentationConfig, SpeechFlowConfig, TransformerConfig
from wavcube.generation.corpus import SpeechCorpus, read_corpora
from wavcube.generation.flow import FlowMatching, FlowSettings
from wavcube.generation.model import SpeechFlow, Wanted
from wavcube.generation.settings import CorpusSettings, DataSettings
from wavcube.generation.solver import SolverSettings
from wavcube.generation.speak import TextToSpeech, pack

SYMBOLS = tuple(" 'abcdefghijklmnopqrstuvwxyz.,?!")
PROMPT_S, SPEECH_S = 3.0, 5.0
SOLVERS = {
    "32 Euler": SolverSettings(32),
    "16 Euler": SolverSettings(16),
    "16 midpoint": SolverSettings(16, "midpoint"),
    "7 Euler": SolverSettings(7),
    "5 Euler": SolverSettings(5),
}


def build(preset: str, channels: int, frame_rate: float) -> SpeechFlow:
    torch.manual_seed(0)
    config = SpeechFlowConfig(
        TransformerConfig.preset(preset),
        RepresentationConfig(channels=channels, frame_rate=frame_rate),
        "lowercase",
        SYMBOLS,
    )
    model = SpeechFlow(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    return model


def speaking(preset: str, rounds: int) -> dict[str, dict[str, float]]:
    """Real-time factors of the transformer by solver."""
    model = build(preset, 128, 50.0).eval()
    pack(model.transformer.layers)
    text = model.numbers("this is what the prompt says and this is the new text that follows it, seventy or so")
    wanted = Wanted(torch.randn(round(PROMPT_S * 50), 128), text, round(SPEECH_S * 50), 0)
    timings = interleave({name: lambda s=s: model.generate([wanted], s) for name, s in SOLVERS.items()}, rounds)  # type: ignore[misc]
    return real_time_factors(timings)


def real_time_factors(timings: dict[str, Timing]) -> dict[str, dict[str, float]]:
    return {name: {"wall": timing.wall / SPEECH_S, "cpu": timing.cpu / SPEECH_S} for name, timing in timings.items()}


def speaking_with(folder: str, rounds: int) -> dict[str, dict[str, float]]:
    """Real-time factors of a trained model with its decoder, by solver; the prompt is ready."""
    speaker = TextToSpeech.from_pretrained(folder).optimize()
    rate = speaker.sample_rate
    voice = speaker.voice(0.1 * np.random.default_rng(0).standard_normal(round(PROMPT_S * rate)), "what it says", rate)
    timings = interleave(
        {
            name: lambda solver=solver: speaker.speak("the new text", voice, seconds=SPEECH_S, solver=solver)  # type: ignore[misc]
            for name, solver in SOLVERS.items()
        },
        rounds,
    )
    return real_time_factors(timings)


def product_peak(rounds: int = 20) -> dict[str, float]:
    """Best rate of a matrix product, in GFLOP/s."""
    size = 2048
    values, weights = torch.randn(size, size), torch.randn(size, size)
    timings = []
    for _ in range(rounds):
        start = time.perf_counter(), time.process_time()
        values @ weights
        timings.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    wall, cpu = (2 * size**3 / min(column) / 1e9 for column in zip(*timings, strict=True))
    return {"wall": wall, "cpu": cpu}


def training(preset: str, batch_seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    """Rate of training on noise that lies in a frame cache as speech would, data loading included."""
    with tempfile.TemporaryDirectory() as folder:
        random = np.random.default_rng(0)
        lines = ["path\ttranscript"]
        for number in range(60):
            seconds = random.uniform(2, 10)
            save_audio(Path(folder) / f"{number}.wav", 0.1 * random.standard_normal(round(16_000 * seconds)), 16_000)
            lines.append(f"{number}.wav\t" + "".join(random.choice(list(SYMBOLS[1:]), round(10 * seconds))))
        manifest = Path(folder) / "manifest.tsv"
        manifest.write_text("\n".join(lines) + "\n")
        model = build(preset, 80, 100.0).train()
        corpus = SpeechCorpus(
            read_corpora([CorpusSettings(str(manifest))]),
            build_frontend("logmel"),
            model.front_end,
            model.vocabulary,
            DataSettings(cache=folder),
        )
        stream = BatchStream(corpus, round(batch_seconds * 100), 64, 0)
        networks = FlowMatching(model, FlowSettings())
        optimizer = torch.optim.AdamW(networks.parameters(), 1e-5)

        def step() -> float:
            batch = next(stream)
            loss = networks(batch.values, batch.lengths, batch.text)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(networks.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            return float(batch.lengths.sum()) / 100

        step()
        position, chance = stream.state_dict(), torch.get_rng_state()
        with FlopCounterMode(display=False) as counter:
            for _ in range(rounds):
                step()
        stream.load_state_dict(position)
        torch.set_rng_state(chance)
        start = time.perf_counter(), time.process_time()
        seconds = sum(step() for _ in range(rounds))
        elapsed = {"wall": time.perf_counter() - start[0], "cpu": time.process_time() - start[1]}
    peak = product_peak()
    rates = {clock: counter.get_total_flops() / spent / 1e9 for clock, spent in elapsed.items()}
    return {
        "gflops": rates,
        "peak_gflops": peak,
        "share_of_peak": {clock: rate / peak[clock] for clock, rate in rates.items()},
        "speech_seconds_per_second": {clock: seconds / spent for clock, spent in elapsed.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="nano")
    parser.add_argument("--model", help="a trained model's folder")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-seconds", type=float, default=60.0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    result = {
        "preset": options.preset,
        "seed": 0,
        "training": training(options.preset, options.batch_seconds, options.rounds),
        "real_time_factor_transformer": speaking(options.preset, options.rounds),
    }
    if options.model:
        result["real_time_factor"] = speaking_with(options.model, options.rounds)
    for name, values in result.items():
        print(name, values)
    print(save("tts_generation", result))


if __name__ == "__main__":
    main()
