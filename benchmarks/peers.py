"""Encode and decode beside what a user would pick instead: EnCodec, DAC, Mimi, and WavLM-Large alone.

    python -m benchmarks.peers [--seconds 10] [--threads 2] [--rounds 5]

Peers are built by transformers from their published configurations with random weights (which have the speed of
trained ones), as they come, in float32, each at its own sample rate and with all of its codebooks (Mimi: the 8 of its
1.1 kb/s). WavLM-Large encodes only.
"""

import argparse
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.harness import Timing, interleave, save
from benchmarks.representation import build
from wavcube import WavCube


def peers(seconds: float) -> dict[str, tuple[Callable[[], object], Callable[[], object] | None, float]]:
    """By name: what encodes, what decodes, and millions of parameters."""
    from transformers import (
        DacConfig,
        DacModel,
        EncodecConfig,
        EncodecModel,
        MimiConfig,
        MimiModel,
        WavLMConfig,
        WavLMModel,
    )

    def noise(rate: int, hop: int = 1) -> Tensor:
        samples = round(rate * seconds)
        return 0.1 * torch.randn(1, 1, samples - samples % hop)

    made: dict[str, tuple[Callable[[], object], Callable[[], object] | None, float]] = {}
    encodec = EncodecModel(EncodecConfig()).eval()
    speech = noise(24_000)
    codes = encodec.encode(speech, bandwidth=6.0)
    made["EnCodec 24 kHz, 6 kb/s"] = (
        lambda: encodec.encode(speech, bandwidth=6.0),
        lambda: encodec.decode(codes.audio_codes, codes.audio_scales),
        size(encodec),
    )
    # Of descript/dac_16khz: strides of 320 samples, twelve codebooks, a latent of 1024.
    settings = DacConfig(sampling_rate=16_000, downsampling_ratios=[2, 4, 5, 8], n_codebooks=12)
    dac = DacModel(settings).eval()
    dac_speech = noise(16_000, 320)
    quantized = dac.encode(dac_speech).quantized_representation
    made["DAC 16 kHz"] = (lambda: dac.encode(dac_speech), lambda: dac.decode(quantized), size(dac))
    mimi = MimiModel(MimiConfig()).eval()
    mimi_speech = noise(24_000)
    mimi_codes = mimi.encode(mimi_speech, num_quantizers=8).audio_codes
    made["Mimi, 8 codebooks"] = (
        lambda: mimi.encode(mimi_speech, num_quantizers=8),
        lambda: mimi.decode(mimi_codes),
        size(mimi),
    )
    wavlm = WavLMModel(
        WavLMConfig(
            hidden_size=1024,
            num_hidden_layers=24,
            num_attention_heads=16,
            intermediate_size=4096,
            feat_extract_norm="layer",
            do_stable_layer_norm=True,
        )
    ).eval()
    wavlm_speech = noise(16_000)[0]
    made["WavLM-Large (transformers)"] = (lambda: wavlm(wavlm_speech), None, size(wavlm))
    return made


def ours(seconds: float) -> dict[str, tuple[Callable[[], object], Callable[[], object] | None, float]]:
    speech = 0.1 * torch.randn(round(16_000 * seconds))
    full = build("full")
    made: dict[str, tuple[Callable[[], object], Callable[[], object] | None, float]] = {}
    for name, model in (("wavcube, full size", full), ("wavcube-nano", WavCube.from_pretrained())):
        parameters = size(model)
        model.optimize()
        latents = model.encode(speech, 16_000)
        made[f"{name}, prepared"] = (
            lambda m=model: m.encode(speech, 16_000),  # type: ignore[misc]
            lambda m=model, z=latents: m.decode(z),  # type: ignore[misc]
            parameters,
        )
    return made


def size(model: nn.Module) -> float:
    return sum(parameter.numel() for parameter in model.parameters()) / 1e6


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    variants = peers(options.seconds) | ours(options.seconds)
    runs = {f"{name}: encode": run for name, (run, _, _) in variants.items()}
    runs |= {f"{name}: decode": run for name, (_, run, _) in variants.items() if run}
    timings: dict[str, Timing] = interleave(runs, options.rounds)
    rows = {}
    for name, (_, _, parameters) in variants.items():
        row = {part: timings[f"{name}: {part}"] for part in ("encode", "decode") if f"{name}: {part}" in timings}
        rows[name] = {"million_parameters": parameters, **row}
        speeds = ", ".join(
            f"{part} {timing.wall:.3f} s ({timing.wall_low:.3f} to {timing.wall_high:.3f}), "
            f"{options.seconds / timing.wall:.1f} x real time"
            for part, timing in row.items()
        )
        print(f"{name:30} {parameters:5.0f}M  {speeds}")
    print(save("peers", {"seconds": options.seconds, "seed": 0, "rows": rows}))


if __name__ == "__main__":
    main()
