"""Reading data folders: what the official corpora are, where they come from, and manifests for one's own data."""

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from wavcube.data.rows import read_text
from wavcube.errors import DataError
from wavcube.understanding.corpora.corpus import some


@dataclass(frozen=True)
class Source:
    """An official corpus.

    Attributes:
        name: of the corpus.
        where: to get it.
        licence: what its owners allow.
        layout: of the folder that is expected, in one line.
    """

    name: str
    where: str
    licence: str
    layout: str

    def missing(self, path: Path) -> DataError:
        """The error to raise where `path`, part of this corpus, is not there."""
        return DataError(
            f"{path}: not found. {self.name} is expected as {self.layout}. Get it from {self.where} ({self.licence})"
        )


LIBRISPEECH = Source(
    "LibriSpeech",
    "https://www.openslr.org/12",
    "CC BY 4.0",
    "train-clean-100/, dev-clean/ and test-clean/ with SPEAKER/CHAPTER/*.flac and *.trans.txt",
)
LEXICON = Source(
    "The LibriSpeech lexicon",
    "https://www.openslr.org/11 (librispeech-lexicon.txt)",
    "public domain",
    "a text file with a word and its phones on each line",
)
SPEECH_COMMANDS = Source(
    "Speech Commands v0.01",
    "http://download.tensorflow.org/data/speech_commands_v0.01.tar.gz and .../speech_commands_test_set_v0.01.tar.gz",
    "CC BY 4.0",
    "speech_commands_v0.01/ (a folder a word, _background_noise_/, validation_list.txt, testing_list.txt) beside "
    "speech_commands_test_set_v0.01/ (a folder a class)",
)
VOXCELEB1 = Source(
    "VoxCeleb1",
    "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/vox1.html, which gives the lists; the audio now comes from mirrors",
    "CC BY 4.0 for the metadata; the recordings are those of their owners",
    "dev/wav/ and test/wav/ with SPEAKER/VIDEO/*.wav, veri_test_class.txt (identification) and veri_test.txt "
    "(verification) at the top",
)
LIBRI2MIX = Source(
    "Libri2Mix (16 kHz, max, mix_both)",
    "https://github.com/s3prl/LibriMix, which makes it of LibriSpeech and WHAM noise",
    "CC BY 4.0 (LibriSpeech), CC BY-NC 4.0 (WHAM)",
    "train/, dev/ and test/ with wav.scp, utt2spk, segments and, for test, rttm (Kaldi's formats)",
)
LIBRI2MIX_MIN = Source(
    "Libri2Mix (16 kHz, min, mix_clean)",
    "https://github.com/s3prl/LibriMix, which makes it of LibriSpeech",
    "CC BY 4.0",
    "wav16k/min/ with train-100/, dev/ (or dev_1000/) and test/, each with mix_clean/, s1/ and s2/ (recordings, or "
    "wav.scp)",
)
VOICEBANK = Source(
    "VoiceBank-DEMAND",
    "https://datashare.ed.ac.uk/handle/10283/2791",
    "CC BY 4.0",
    "clean_trainset_28spk_wav/, noisy_trainset_28spk_wav/, clean_testset_wav/ and noisy_testset_wav/, or as SUPERB-SG "
    "prepares it: wav16k/ with train/, dev/ and test/, each with noisy/wav.scp and clean/wav.scp",
)
VCC2020 = Source(
    "The Voice Conversion Challenge 2020",
    "https://github.com/nii-yamagishilab/VCC2020-database (the archives training_target_task1, evaluation, groundtruth "
    "and transcriptions)",
    "Open Database License and Database Contents License 1.0",
    "folders TEF1, TEF2, TEM1, TEM2 (E1*.wav and E2*.wav to train on, E3*.wav the true evaluation sentences) and SEF1, "
    "SEF2, SEM1, SEM2 (E3*.wav to convert), anywhere below, with Eng_transcriptions.txt",
)
FLUENT = Source(
    "Fluent Speech Commands",
    "https://fluent.ai/fluent-speech-commands-a-dataset-for-spoken-language-understanding-research/",
    "the Fluent Speech Commands Public License: academic research only",
    "data/train_data.csv, data/valid_data.csv, data/test_data.csv and wavs/speakers/",
)
SNIPS = Source(
    "Audio SNIPS",
    "https://github.com/aws-samples/aws-lex-noisy-spoken-language-understanding, prepared as SUPERB does",
    "CC BY-NC 4.0",
    "train/, valid/ and test/ with VOICE-snips-SPLIT-NUMBER.wav and all.iob.snips.txt",
)
IEMOCAP = Source(
    "IEMOCAP",
    "https://sail.usc.edu/iemocap/ (on request)",
    "its own research licence",
    "Session1/ to Session5/ with sentences/wav/ and dialog/EmoEvaluation/",
)
QUESST14 = Source(
    "QUESST 2014",
    "https://speech.fit.vutbr.cz/files/quesst14Database.tgz",
    "for research",
    "Audio/, dev_queries/, eval_queries/ and scoring/ (language_key_*.lst, groundtruth_quesst14_dev/, .._eval/)",
)


def wanted_folder(path: Path, source: Source) -> Path:
    """`path`, if it is a folder.

    Raises:
        DataError: it is not; says what the corpus is and where to get it.
    """
    if not path.is_dir():
        raise source.missing(path)
    return path


def wanted_lines(path: Path, source: Source) -> list[str]:
    """Lines of a text file of a corpus, without empty ones.

    Raises:
        DataError: it is not there, or no text.
    """
    if not path.is_file():
        raise source.missing(path)
    return [line for line in read_text(path).splitlines() if line.strip()]


def opened_text(path: Path) -> TextIO:
    """A text file to read, which may be compressed (.gz)."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


def wanted_recordings(paths: Iterable[Path], source: Source) -> None:
    """Refuse lists that name recordings which are not there.

    Raises:
        DataError: how many, which, and where the corpus is to be had.
    """
    absent = [path for path in paths if not path.is_file()]
    if absent:
        raise DataError(
            f"{len(absent)} recordings of {source.name} are missing: {some(str(path) for path in absent)}. "
            f"Get it from {source.where} ({source.licence})"
        )
