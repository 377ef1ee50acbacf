"""LibriTTS (Zen et al., 2019; openslr.org/60) and LibriTTS-R (openslr.org/141): WAV at 24 kHz, split at sentences.

The counts are those of LibriTTS; LibriTTS-R has a few recordings less.
"""

from pathlib import Path

from wavcube.data.prepare.libri import Layout, Official
from wavcube.data.rows import read_text

_TEXT = ".normalized.txt"


def _transcripts(folder: Path) -> dict[str, str]:
    return {path.name.removesuffix(_TEXT): read_text(path) for path in folder.glob(f"*{_TEXT}")}


LIBRITTS = Layout(
    name="LibriTTS",
    folders=("LibriTTS", "LibriTTS_R"),
    subsets={
        "train-clean-100": Official(33_236, 247),
        "train-clean-360": Official(116_500, 904),
        "train-other-500": Official(205_044, 1_160),
        "dev-clean": Official(5_736, 40),
        "dev-other": Official(4_613, 33),
        "test-clean": Official(4_837, 39),
        "test-other": Official(5_120, 33),
    },
    suffix=".wav",
    joint="_",
    transcripts=_transcripts,
)
