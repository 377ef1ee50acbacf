"""Source separation: two masks, one for each talker (Libri2Mix; SI-SDR improvement)."""

from pathlib import Path

from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus, Example
from wavcube.understanding.corpora.manifest import is_manifest
from wavcube.understanding.corpora.official import LIBRI2MIX_MIN
from wavcube.understanding.mask_task import MaskTask, listed, paired, recordings_of
from wavcube.understanding.task import Measure


class Separation(MaskTask):
    """Two masks; the loss and the figure take the better order of the talkers."""

    name = "ss"
    title = "Source separation"
    official = LIBRI2MIX_MIN
    measures = (Measure("si_sdr_improvement", "SI-SDRi", "dB", True),)
    sources = 2

    def read(self, data: Path, recipe: ProbeConfig) -> list[Corpus]:
        if is_manifest(data):
            return [listed(data, ["source1", "source2"])]
        for inner in ("wav16k/min", "min", "."):
            if (data / inner / "train-100").is_dir():
                data = data / inner
                break
        dev = "dev_1000" if (data / "dev_1000").is_dir() else "dev"
        folders = {"train": "train-100", "dev": dev, "test": "test"}
        return [Corpus.of({split: _mixtures(data / name, split) for split, name in folders.items()})]


def _mixtures(folder: Path, split: str) -> list[Example]:
    mixtures, *sources = (recordings_of(folder / kind, LIBRI2MIX_MIN) for kind in ("mix_clean", "s1", "s2"))
    return paired(mixtures, sources, split, LIBRI2MIX_MIN)
