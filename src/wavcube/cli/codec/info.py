"""`wavcube info`: what a model folder, a file of latents or a recording is."""

from pathlib import Path
from typing import Annotated

import typer

from wavcube.cli import options


def info(
    path: Annotated[
        Path | None,
        typer.Argument(help="A model or run folder, latents or a recording; by default the packaged model."),
    ] = None,
    env: Annotated[
        bool, typer.Option("--env", help="This machine: processor, libraries, and whether its kernels are right.")
    ] = False,
) -> None:
    """Describe a model, latents or a recording."""
    if env:
        facts = _environment()
    elif path is None or path.is_dir() or (path == Path("packaged") and not path.exists()):
        facts = _model(path if path is not None and path.is_dir() else None)
    else:
        facts = _file(path)
    width = max(len(name) for name in facts)
    for name, fact in facts.items():
        print(f"{name:<{width}}  {fact}")


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


def _model(path: Path | None) -> dict[str, str]:
    import json

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
        "stage": str(model.config.stage),
        "sample rate": f"{model.sample_rate} Hz",
        "frame rate": f"{model.frame_rate:g} Hz, {model.hop_length} samples a frame",
        "latent width": str(model.latent_dim),
        "latent mean and std": "unknown" if model.latent_mean is None else "known",
        **({"parameters": f"{sum(parts.values()):,}"} if parts else {}),
        **{f"  {name}": f"{count:,}" for name, count in parts.items()},
        "size": f"{size / 2**20:.1f} MiB, {', '.join(types)}",
        "configuration": json.dumps(model.config.to_dict(), indent=2),
    }


def _file(path: Path) -> dict[str, str]:
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
    facts = {
        "latents": str(path),
        "items": str(len(latents)),
        "frames": ", ".join(map(str, frames)),
        "width": str(latents.values.shape[2]),
        "type": str(latents.values.dtype).removeprefix("torch."),
    }
    if path.suffix == ".npy":
        return facts | {"not recorded": "frame rate, samples, model and metadata; .npy holds the values alone"}
    samples = "unknown" if latents.samples is None else ", ".join(map(str, latents.samples.tolist()))
    return facts | {
        "frame rate": f"{latents.frame_rate:g} Hz",
        "duration": ", ".join(f"{count / latents.frame_rate:.2f} s" for count in frames),
        "samples": f"{samples} at {latents.sample_rate} Hz",
        "model": latents.model_id or "unknown",
        **{f"{key} ({index})": text for index, entry in enumerate(latents.metadata) for key, text in entry.items()},
    }


def _recording(path: Path) -> dict[str, str]:
    from wavcube.audio.io import audio_info

    audio = audio_info(path)
    return {
        "recording": str(path),
        "format": f"{audio.format}, {audio.subtype}",
        "sample rate": f"{audio.sample_rate} Hz",
        "channels": str(audio.channels),
        "samples": str(audio.frames),
        "duration": f"{audio.seconds:.2f} s",
    }
