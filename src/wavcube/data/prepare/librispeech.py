"""LibriSpeech (Panayotov et al., 2015; openslr.org/12): FLAC at 16 kHz, the transcripts of a chapter in one file."""

from wavcube.data.librispeech import read_transcripts
from wavcube.data.prepare.libri import Layout, Official

LIBRISPEECH = Layout(
    name="LibriSpeech",
    folders=("LibriSpeech",),
    subsets={
        "train-clean-100": Official(28_539, 251),
        "train-clean-360": Official(104_014, 921),
        "train-other-500": Official(148_688, 1_166),
        "dev-clean": Official(2_703, 40),
        "dev-other": Official(2_864, 33),
        "test-clean": Official(2_620, 40),
        "test-other": Official(2_939, 33),
    },
    suffix=".flac",
    joint="-",
    transcripts=read_transcripts,
)
