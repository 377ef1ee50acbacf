"""An hour of source took `convert-voice` 2.3 GB: eight copies of the recording, and doubles of all of its latents."""

import subprocess
import sys

import pytest

BEGIN = """
import resource, warnings
import numpy as np, torch
from wavcube.audio.io import save_audio
from wavcube.codec import networks
from wavcube.generation.regression import pipeline

warnings.simplefilter("ignore")
torch.manual_seed(0)

def frames(waveform, width):
    return torch.randn(1, 1 + (waveform.shape[1] - 400) // 320, width)

def decoded(decoder, latent, chunking, device, workers):
    return (0.1 * torch.randn(1, 320 * piece.shape[1]) for piece in latent.split(1000, 1))

networks.decode_in_chunks = decoded  # what networks compute takes time, and the memory of one piece
pipeline.encode = lambda codec, waveform: (frames(waveform, 8), frames(waveform, 128))
"""

TOOLS = {
    "conversion": """
from wavcube.generation.conversion import VoiceConverter
tool = VoiceConverter.from_pretrained()
tool.codec.latents_and_states = lambda waveform, _: (frames(waveform, 128), [frames(waveform, 64)] * 7, None)
voice = tool.voice(0.1 * np.random.default_rng(0).standard_normal(160_000), 16_000)
run = lambda speech: tool.convert(speech, voice, 16_000)
""",
    "enhancement": """
from wavcube.generation.enhancement import SpeechEnhancer
tool = SpeechEnhancer.from_pretrained()
tool.model.clean = lambda features, latents: latents
run = lambda speech: tool.enhance(speech, 16_000, output="masked")
""",
    "separation": """
from wavcube.generation.regression.spans import Span
from wavcube.generation.separation import SpeechSeparator
tool = SpeechSeparator.from_pretrained()
tool.model.separated = lambda features, latents, known: [
    (Span(0, len(latents), 0, len(latents)), torch.stack([latents, latents], 1))
]
run = lambda speech: tool.separate(speech, 16_000)[0]
""",
}

END = """
from pathlib import Path
from tempfile import TemporaryDirectory

def peak(minutes, folder):
    speech = np.random.default_rng(0).standard_normal(minutes * 60 * 16_000, np.float32)
    speech *= 0.1
    save_audio(Path(folder) / "made.wav", run(speech))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

with TemporaryDirectory() as folder:
    short, long = peak(3, folder), peak(23, folder)
print((long - short) / (20 * 60 * 16_000 * 4))
"""


@pytest.mark.long
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the unit of the peak is that of Linux")
@pytest.mark.parametrize(("tool", "most"), [("conversion", 3.2), ("enhancement", 3.2), ("separation", 5.2)])
def test_memory_is_that_of_the_recording_its_results_and_its_latents(tool: str, most: float) -> None:
    """In units of the recording: itself, the result or both, 0.4 for each latent, and 16 bits a sample in a file."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + TOOLS[tool] + END], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout) < most
