"""Text to speech: how fast it speaks, and how much of the machine's matrix-product rate its training reaches.

    python -m benchmarks.tts_generation [--preset nano] [--model FOLDER] [--threads 2] [--rounds 3] [--speaking-only]

Speaking: a 3 s prompt and 5 s of new speech, for several solvers, by the transformer alone and with the packaged
representation's decoder (random weights have the speed of trained ones; --model takes a trained model); and the time
until the first of two sentences is ready, with 16 Euler steps, the prompt not yet read. Training, in float32 and in
bfloat16 (autocast): forward, backward, clipping and AdamW on batches that come from the frame cache, floating point
operations of matrix products over the time, against the best rates of a product of 2048 x 2048 matrices on this machine
in the same precision: torch's own, which is what training calls, and oneDNN's with a weight in its own layout, which is
faster in float32 and of no use to training, whose weights change. Everything is given by the wall clock and by the CPU
time of the process, which means more on a machine that has other work; use one thread then.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.harness import Timing, interleave, save
from benchmarks.representation import matrix_product_peak
from wavcube.audio.io import save_audio
from wavcube.features import build_feature_extractor
from wavcube.generation.flow.config import RepresentationConfig, TransformerConfig
from wavcube.generation.flow.feature_codec import load_feature_codec
from wavcube.generation.flow.flow_matching import FlowMatching, FlowSettings
from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.tts.config import FlowMatchingTTSConfig
from wavcube.generation.tts.model import FlowMatchingTTS, SynthesisRequest
from wavcube.generation.tts.pipeline import TextToSpeech, pack
from wavcube.generation.tts.training.batches import BatchStream
from wavcube.generation.tts.training.config import CorpusSettings, DataSettings
from wavcube.generation.tts.training.dataset import SpeechCorpus, read_corpora

TOKENS = tuple(" 'abcdefghijklmnopqrstuvwxyz.,?!")
PROMPT_S, SPEECH_S = 3.0, 5.0
SOLVERS = {
    "32 Euler": SolverSettings(32),
    "16 Euler": SolverSettings(16),
    "16 midpoint": SolverSettings(16, "midpoint"),
    "7 Euler": SolverSettings(7),
    "5 Euler": SolverSettings(5),
}


def build(preset: str, frames: RepresentationConfig) -> FlowMatchingTTS:
    torch.manual_seed(0)
    config = FlowMatchingTTSConfig(TransformerConfig.preset(preset), frames, "lowercase", TOKENS)
    model = FlowMatchingTTS(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


def speaking(preset: str, rounds: int) -> dict[str, dict[str, float]]:
    """Real-time factors of the transformer by solver."""
    model = build(preset, RepresentationConfig()).eval()
    pack(model.transformer.layers)
    text = model.token_ids("this is what the prompt says and this is the new text that follows it, seventy or so")
    request = SynthesisRequest(torch.randn(round(PROMPT_S * 50), 128), text, round(SPEECH_S * 50), 0)
    timings = interleave({name: lambda s=s: model.generate([request], s) for name, s in SOLVERS.items()}, rounds)  # type: ignore[misc]
    return real_time_factors(timings)


def real_time_factors(timings: dict[str, Timing]) -> dict[str, dict[str, float]]:
    return {
        name: {"wall": duration_predictor.wall / SPEECH_S, "cpu": duration_predictor.cpu / SPEECH_S}
        for name, duration_predictor in timings.items()
    }


def speaking_with(preset: str, folder: str | None, rounds: int) -> dict[str, dict[str, float]]:
    """Real-time factors with the decoder, by solver, the prompt being ready; and seconds to the first sound."""
    if folder is None:
        representation = load_feature_codec("wavcube")
        described = representation.describe("wavcube")
        speaker = TextToSpeech(build(preset, described).eval(), representation).optimize()
    else:
        speaker = TextToSpeech.from_pretrained(folder).optimize()
    rate = speaker.sample_rate
    prompt = 0.1 * np.random.default_rng(0).standard_normal(round(PROMPT_S * rate))
    words = "this is what the prompt says and how"
    voice = speaker.voice(prompt, words, rate)
    timings = interleave(
        {
            name: lambda solver=solver: speaker.speak("the new text", voice, seconds=SPEECH_S, solver=solver)  # type: ignore[misc]
            for name, solver in SOLVERS.items()
        },
        rounds,
    )

    def first_sound() -> None:
        text = "the first of two sentences. and the second one of them."
        next(speaker.stream(text, prompt, words, sample_rate=rate, solver=SOLVERS["16 Euler"]))

    first = interleave({"first": first_sound}, rounds)["first"]
    return {**real_time_factors(timings), "first_sound_seconds": {"wall": first.wall, "cpu": first.cpu}}


def product_peak(dtype: torch.dtype, rounds: int = 20) -> dict[str, float]:
    """Best rate of torch's own matrix product, in GFLOP/s."""
    size = 2048
    values, weights = torch.randn(size, size, dtype=dtype), torch.randn(size, size, dtype=dtype)
    timings = []
    for _ in range(rounds):
        start = time.perf_counter(), time.process_time()
        values @ weights
        timings.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    wall, cpu = (2 * size**3 / min(column) / 1e9 for column in zip(*timings, strict=True))
    return {"wall": wall, "cpu": cpu}


def training(preset: str, batch_seconds: float, rounds: int, dtype: torch.dtype) -> dict[str, dict[str, float]]:
    """Rate of training in a precision on noise that lies in a frame cache as speech would, data loading included."""
    with tempfile.TemporaryDirectory() as folder:
        random = np.random.default_rng(0)
        lines = ["path\ttranscript"]
        for number in range(60):
            seconds = random.uniform(2, 10)
            save_audio(Path(folder) / f"{number}.wav", 0.1 * random.standard_normal(round(16_000 * seconds)), 16_000)
            lines.append(f"{number}.wav\t" + "".join(random.choice(list(TOKENS[1:]), round(10 * seconds))))
        manifest = Path(folder) / "manifest.tsv"
        manifest.write_text("\n".join(lines) + "\n")
        model = build(preset, RepresentationConfig(channels=80, frame_rate=100.0)).train()
        model.text.text_alignment = "uniform"  # noise has no alignment
        corpus = SpeechCorpus(
            read_corpora([CorpusSettings(str(manifest))]),
            build_feature_extractor("logmel"),
            model.text_frontend,
            model.vocabulary,
            DataSettings(cache=folder),
        )
        stream = BatchStream(corpus, round(batch_seconds * 100), 64, 0)
        networks = FlowMatching(model, FlowSettings())
        optimizer = torch.optim.AdamW(networks.parameters(), 1e-5)

        def step() -> float:
            batch = next(stream)
            with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
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
    peak, packed = product_peak(dtype), matrix_product_peak(dtype)
    rates = {clock: counter.get_total_flops() / spent / 1e9 for clock, spent in elapsed.items()}
    return {
        "gflops": rates,
        "peak_gflops": peak,
        "share_of_peak": {clock: rate / peak[clock] for clock, rate in rates.items()},
        "packed_peak_gflops": {"wall": packed},
        "share_of_packed_peak": {"wall": rates["wall"] / packed},
        "speech_seconds_per_second": {clock: seconds / spent for clock, spent in elapsed.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="nano")
    parser.add_argument("--model", help="a trained model's folder")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--speaking-only", action="store_true", help="leave out training")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-seconds", type=float, default=60.0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    result: dict[str, Any] = {"preset": options.preset, "seed": 0}
    if not options.speaking_only:
        for dtype in (torch.float32, torch.bfloat16):
            name = f"training_{str(dtype).removeprefix('torch.')}"
            result[name] = training(options.preset, options.batch_seconds, options.rounds, dtype)
    result["real_time_factor_transformer"] = speaking(options.preset, options.rounds)
    result["real_time_factor"] = speaking_with(options.preset, options.model, options.rounds)
    for name, values in result.items():
        print(name, values)
    print(save("tts_speaking" if options.speaking_only else "tts_generation", result))


if __name__ == "__main__":
    main()
