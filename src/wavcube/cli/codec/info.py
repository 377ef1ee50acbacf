"""`wavcube info`: what a model folder, a file of latents or a recording is."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from wavcube.cli import options

UNITS = {"sample rate": "{} Hz", "frame rate": "{:g} Hz", "duration": "{:.2f} s", "parameters": "{:,}"}
"""How facts that are numbers are printed, where not as they are."""


def info(
    path: Annotated[
        Path | None,
        typer.Argument(help="A model or run folder, latents or a recording; by default the packaged model."),
    ] = None,
    env: Annotated[
        bool, typer.Option("--env", help="This machine: processor, libraries, and whether its kernels are right.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Describe a model, latents or a recording."""
    if env:
        facts: dict[str, Any] = _environment()
    elif path is None or path.is_dir() or (path == Path("packaged") and not path.exists()):
        facts = _model(path if path is not None and path.is_dir() else None)
    else:
        facts = _file(path)
    if as_json:
        print(json.dumps({name.strip(): fact for name, fact in facts.items()}, indent=2, ensure_ascii=False))
        return
    width = max(len(name) for name in facts)
    for name, fact in facts.items():
        print(f"{name:<{width}}  {_as_text(name, fact)}")


def _as_text(name: str, fact: Any) -> str:
    if isinstance(fact, dict):
        return json.dumps(fact, indent=2)
    if isinstance(fact, list):
        return ", ".join(_as_text(name, one) for one in fact)
    return UNITS.get("parameters" if name.startswith(" ") else name, "{}").format(fact)


def _environment() -> dict[str, str]:
    import torch

    from wavcube.codec import WavCubeConfig
    from wavcube.codec.checkpoint.folder import CONFIG, PACKAGED
    from wavcube.codec.inference.choice import choose
    from wavcube.codec.inference.environment import environment
    from wavcube.codec.inference.kernels import ERROR_BOUNDS, library_convolution_error, wrong_kernels

    configs = (WavCubeConfig.load(PACKAGED / CONFIG), WavCubeConfig.preset("full"))
    wrong = [line for config in configs for line in wrong_kernels(config)]
    types = ", ".join(str(dtype).removeprefix("torch.") for dtype in ERROR_BOUNDS)
    device = torch.device(options.torch_device(options.Device.auto))
    facts = {**environment(), "--fast chooses": str(choose(device)), "kernels": "; ".join(wrong) or f"right in {types}"}
    if (error := library_convolution_error()) > 0.03:
        facts["note"] = (
            f"torch's own bfloat16 convolution with 4 channels a group is {100 * error:.0f} % off here; wavcube does "
            "not use it"
        )
    return facts


def _model(path: Path | None) -> dict[str, Any]:
    from wavcube.codec import WavCube
    from wavcube.codec.checkpoint.folder import model_folder, read_weights
    from wavcube.files import readable

    model = WavCube.from_pretrained(path)
    parts: dict[str, int] = {}
    if path is not None and model.backend != "torch":
        size, types = sum(file.stat().st_size for file in path.iterdir()), [f"graphs for {model.backend}"]
    else:
        weights, _ = read_weights(model_folder(path))
        size = sum(tensor.numel() * tensor.element_size() for tensor in weights.values())
        types = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in weights.values()})
        parts = {name: sum(weight.numel() for weight in part.parameters()) for name, part in model.named_children()}
    return {
        "model": readable(path) if path else "the packaged one",
        "identity": model.identity,
        "stage": model.config.stage,
        "sample rate": model.sample_rate,
        "frame rate": model.frame_rate,
        "samples a frame": model.hop_length,
        "latent width": model.latent_dim,
        "latent mean and std": "unknown" if model.latent_mean is None else "known",
        **({"parameters": sum(parts.values())} if parts else {}),
        **{f"  {name}": count for name, count in parts.items()},
        "size": f"{size / 2**20:.1f} MiB, {', '.join(types)}",
        "configuration": model.config.to_dict(),
    }


def _file(path: Path) -> dict[str, Any]:
    from wavcube.audio.io import AUDIO_SUFFIXES

    if path.suffix.lower() not in AUDIO_SUFFIXES:  # a recording is described without torch, which latents need
        from wavcube.latent_files import LATENT_SUFFIXES

        if path.suffix.lower() in LATENT_SUFFIXES:
            return _latents(path)
    return _recording(path)


def _latents(path: Path) -> dict[str, str]:
    from wavcube.latents import Latents

    latents = Latents.load(path)
    frames = [int(length) for length in latents.lengths]
    facts: dict[str, Any] = {
        "latents": str(path),
        "items": len(latents),
        "frames": frames,
        "width": latents.values.shape[2],
        "type": str(latents.values.dtype).removeprefix("torch."),
    }
    if path.suffix == ".npy":
        return facts | {"not recorded": "frame rate, samples, model and metadata; .npy holds the values alone"}
    return facts | {
        "frame rate": latents.frame_rate,
        "duration": [count / latents.frame_rate for count in frames],
        "sample rate": latents.sample_rate,
        "samples": "unknown" if latents.samples is None else latents.samples.tolist(),
        "model": latents.model_id or "unknown",
        **{f"{key} ({index})": text for index, entry in enumerate(latents.metadata) for key, text in entry.items()},
    }


def _recording(path: Path) -> dict[str, Any]:
    from wavcube.audio.io import audio_info

    audio = audio_info(path)
    return {
        "recording": str(path),
        "format": f"{audio.format}, {audio.subtype}",
        "sample rate": audio.sample_rate,
        "channels": audio.channels,
        "samples": audio.frames,
        "duration": audio.seconds,
    }
