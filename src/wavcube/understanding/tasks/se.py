"""Speech enhancement: a mask that takes the noise off (VoiceBank-DEMAND; PESQ, STOI, SI-SDR improvement)."""

from pathlib import Path

from wavcube.evaluation.metric import Metric
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.corpora.corpus import Corpus, Example
from wavcube.understanding.corpora.manifest import is_manifest
from wavcube.understanding.corpora.official import VOICEBANK
from wavcube.understanding.mask_task import MaskTask, listed, paired, recordings_of
from wavcube.understanding.task import Measure

DEV_SPEAKERS = ("p226", "p287")
"""Of the original training set; a man and a woman, as in SUPERB-SG's preparation and elsewhere."""


class Enhancement(MaskTask):
    """One mask. Checkpoint and learning rate are chosen by PESQ on dev."""

    name = "se"
    title = "Speech enhancement"
    official = VOICEBANK
    measures = (
        Measure("pesq", "PESQ-WB", "", True),
        Measure("stoi", "STOI", "", True, 3),
        Measure("si_sdr_improvement", "SI-SDRi", "dB", True),
    )
    packages = ("pesq", "pystoi")
    sources = 1

    def metrics(self) -> list[Metric]:
        from wavcube.evaluation.metrics.pesq import WidebandPESQ
        from wavcube.evaluation.metrics.stoi import STOI

        return [WidebandPESQ(), STOI()]

    def read(self, data: Path, recipe: ProbeConfig) -> list[Corpus]:
        if is_manifest(data):
            return [listed(data, ["clean"])]
        prepared = data if (data / "train").is_dir() else data / "wav16k"
        if prepared.is_dir():
            return [Corpus.of({split: _pairs(prepared / split, split) for split in ("train", "dev", "test")})]
        training = paired(
            recordings_of(data / "noisy_trainset_28spk_wav", VOICEBANK),
            [recordings_of(data / "clean_trainset_28spk_wav", VOICEBANK)],
            "train",
            VOICEBANK,
        )
        test = paired(
            recordings_of(data / "noisy_testset_wav", VOICEBANK),
            [recordings_of(data / "clean_testset_wav", VOICEBANK)],
            "test",
            VOICEBANK,
        )
        held = [e for e in training if e.clip.path.name.startswith(DEV_SPEAKERS)]
        rest = [e for e in training if not e.clip.path.name.startswith(DEV_SPEAKERS)]
        return [Corpus.of({"train": rest, "dev": held, "test": test})]


def _pairs(folder: Path, split: str) -> list[Example]:
    noisy, clean = (recordings_of(folder / kind, VOICEBANK) for kind in ("noisy", "clean"))
    return paired(noisy, [clean], split, VOICEBANK)
