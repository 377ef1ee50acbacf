"""`wavcube demo`: one packaged recording through the latent and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavcube.cli import options

if TYPE_CHECKING:
    from wavcube.codec import WavCube

SEED = 0


def demo(
    output: Annotated[
        Path, typer.Option("--out", "--output", "-o", help="Folder for the results.", file_okay=False)
    ] = Path("demo-output"),
    model: options.Model = None,
) -> None:
    """Encode and decode a packaged recording, and print where the result lies."""
    import time

    from wavcube.audio.demo_clip import DEMO_CLIP
    from wavcube.audio.io import load_audio, save_audio
    from wavcube.cli.many_files.batches import make_folder

    loaded, trained = _model(model)
    speech = load_audio(DEMO_CLIP, loaded.sample_rate)
    began = time.perf_counter()
    latents = loaded.encode(speech, sample_rate=loaded.sample_rate)
    middle = time.perf_counter()
    waveform = loaded.decode(latents)
    end = time.perf_counter()

    make_folder(output)
    save_audio(output / "original.wav", speech, loaded.sample_rate)
    latents.save(output / "demo.safetensors")
    save_audio(output / "decoded.wav", waveform, loaded.sample_rate)

    seconds = len(speech) / loaded.sample_rate
    print(f"recording  {len(speech)} samples at {loaded.sample_rate} Hz, {seconds:.2f} s (LibriSpeech, CC BY 4.0)")
    print(f"latents    {list(latents.values.shape)}, {latents.frame_rate:g} frames a second")
    print(f"decoded    {list(waveform.shape)} samples")
    print(f"encoding   {seconds / (middle - began):.1f} x real time on {loaded.device.type}")
    print(f"decoding   {seconds / (end - middle):.1f} x real time")
    print(f"results    {output / 'original.wav'}, {output / 'demo.safetensors'}, {output / 'decoded.wav'}")
    if not trained:
        print("\nNo trained model is packaged yet: this one is untrained, of random weights. decoded.wav is noise.")


def _model(name: str | None) -> "tuple[WavCube, bool]":
    """The model that is asked for, else the packaged one, else a small untrained one; and whether it is trained."""
    import torch

    from wavcube.codec import WavCube, WavCubeConfig
    from wavcube.codec.checkpoint.folder import CONFIG, PACKAGED

    if name is not None or (PACKAGED / CONFIG).is_file():
        return WavCube.from_pretrained(name), True
    torch.manual_seed(SEED)
    return WavCube(WavCubeConfig.preset("tiny")), False
