"""The tab Reconstruct: a recording, its latent, and what is decoded of it."""

import time

from wavcube.evaluation.metric import Recording
from wavcube.evaluation.report.page import definitions
from wavcube.integrations.app.listening import Progress, listen, measured
from wavcube.integrations.app.models import Models, standardised
from wavcube.integrations.app.pictures import latent_picture
from wavcube.latents import Latents


def reconstruct(recording: Recording, models: Models, progress: Progress) -> str:
    """HTML of a recording at 16 kHz.

    Raises:
        AudioError: it is too short for a frame.
    """
    progress(0.05, desc="loading the model")
    model = models.codec
    progress(0.2, desc="encoding")
    began = time.perf_counter()
    latents = model.encode(recording.at(model.sample_rate), model.sample_rate, names=[recording.name])
    encoded = time.perf_counter()
    progress(0.5, desc="decoding")
    decoded = Recording(model.decode(latents)[0].float().cpu().numpy(), model.sample_rate, recording.name)
    ended = time.perf_counter()
    progress(0.8, desc="measuring")
    facts = {
        "recording": f"{recording.seconds:.2f} s, 256 kb/s as 16-bit samples at 16 kHz",
        "latent": size_of(latents),
        "time": f"{encoded - began:.1f} s to encode, {ended - encoded:.1f} s to decode, on {model.device.type}",
    }
    return (
        listen({"original": recording, "decoded": decoded})
        + latent_picture(standardised(latents, model), recording.seconds)
        + definitions(facts)
        + measured(recording, decoded)
    )


def size_of(latents: Latents) -> str:
    """Frames, channels, and the rate in kb/s."""
    _, frames, channels = latents.values.shape
    numbers = channels * latents.frame_rate
    return (
        f"{frames} frames of {channels} numbers at {latents.frame_rate:g} Hz: {numbers:,.0f} numbers a second, "
        f"{numbers * 32 / 1000:g} kb/s in 32 bits, {numbers * 16 / 1000:g} kb/s in 16"
    )
