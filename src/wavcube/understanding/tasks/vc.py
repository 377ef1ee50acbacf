"""Any-to-one voice conversion: anyone's sentence in one speaker's voice (VCC2020; distortion, word errors, acceptance).

A decoder is trained for each target speaker, on recordings of that speaker alone. Sound is made by Griffin-Lim, where
SUPERB-SG has a Parallel WaveGAN, whose weights are not to be had.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from wavcube.data.clip import Clip, header_seconds, read_clip
from wavcube.data.text_normalizers import has_words
from wavcube.errors import DataError
from wavcube.evaluation.metric import Pair, Recording
from wavcube.evaluation.speaker_encoder import SHORTEST_S, SpeakerEncoder, load_speaker_encoder
from wavcube.understanding.config import ProbeConfig
from wavcube.understanding.conversion import acceptance, distortion, log_mel
from wavcube.understanding.conversion.decoder import ConversionDecoder, Sequences
from wavcube.understanding.corpora.corpus import Corpus, Example, check_splits, some
from wavcube.understanding.corpora.manifest import ManifestRow, is_manifest, read_manifest
from wavcube.understanding.corpora.official import VCC2020, wanted_folder, wanted_lines
from wavcube.understanding.task import Measure, ProbeTask
from wavcube.understanding.training.batches import Batch

if TYPE_CHECKING:
    from wavcube.evaluation.asr import ASRModel

TARGETS, SOURCES = ("TEF1", "TEF2", "TEM1", "TEM2"), ("SEF1", "SEF2", "SEM1", "SEM2")
DEV_RECORDINGS = 10
"""Of a target speaker's 70, the last by name: as many as SUPERB-SG holds out."""

TRANSCRIPTS = "Eng_transcriptions.txt"
KEPT_RECORDINGS = 512
"""Log-mels and waveforms that stay in memory."""


@dataclass(frozen=True)
class Conversion:
    """What a recording is converted to.

    Attributes:
        reference: the target speaker's recording of the same sentence; in training, the recording itself.
        transcript: the words; "" where they are not known.
    """

    reference: Clip
    transcript: str = ""


class VoiceConversion(ProbeTask):
    """Four target speakers, a corpus each; figures are means over them. Dev is the target speaker's own speech.

    Checkpoint and learning rate are chosen by distortion on dev.
    """

    name = "vc"
    title = "Voice conversion"
    official = VCC2020
    measures = (
        Measure("mcd", "MCD", "dB", False),
        Measure("wer", "WER", "%", False, 1, "an ASR model, --set asr=whisper:SIZE or ctc:ID"),
        Measure("acceptance", "ASV accept", "%", True, 1, "a speaker encoder, --set speaker=xvector:ID or resemblyzer"),
    )
    recipe = ProbeConfig(
        steps=10_000, batch=6, optimiser="adamw", width=1024, depth=2, dropout=0.2, evaluations=10, warmup=4_000
    )
    packages = ("jiwer",)
    needs_audio = True

    def read(self, data: Path, recipe: ProbeConfig) -> list[Corpus]:
        models = {name: value for name in ("asr", "speaker") if (value := getattr(recipe, name))}
        corpora = [_listed(data)] if is_manifest(data) else _official(data)
        for corpus in corpora:
            corpus.models = models
        return corpora

    def check(self, corpus: Corpus, source: Path) -> None:
        check_splits(corpus, source)
        references = {example.target.reference.path for example in corpus.test}
        absent = [str(path) for path in sorted(references) if not path.is_file()]
        if absent:
            raise DataError(f"{source}: {len(absent)} recordings of the target speaker do not exist: {some(absent)}")
        names = sorted({example.speaker for example in corpus.train if example.speaker})
        if len(names) > 1:
            raise DataError(f"{source}: train is of several speakers, {some(names)}; a decoder is of one voice")
        if asr := corpus.models.get("asr"):
            without = [example.clip.name for example in corpus.test if not has_words(example.target.transcript)]
            if without:
                raise DataError(f"{source}: word errors need the words of test: {some(without)} lack a transcript")
            _asr(asr)
        if encoder := corpus.models.get("speaker"):
            sources = {example.speaker for example in corpus.test} - {_target_speaker(corpus)}
            if None in sources or not sources or len(references) < 2:
                raise DataError(
                    f"{source}: acceptance needs the speakers of test (column speaker), one of whom at least is not "
                    "the target speaker, and two recordings of the target speaker as references"
                )
            seconds = header_seconds([*references, *(example.clip.path for example in corpus.test)])
            short = [str(path) for path, length in seconds.items() if (length or 0.0) < SHORTEST_S]
            if short:
                raise DataError(f"{source}: {len(short)} recordings are too short to know a voice by: {some(short)}")
            _encoder(encoder)

    def head(self, corpus: Corpus, recipe: ProbeConfig, dim: int, frame_rate: float) -> nn.Module:
        frames = torch.cat([_log_mel(example.target.reference) for example in corpus.train])
        mean, deviation = frames.mean(0), frames.std(0, correction=0)
        return ConversionDecoder(dim, frame_rate, recipe.width, recipe.depth, recipe.dropout, mean, deviation)

    def loss(self, head: nn.Module, output: Any, batch: Batch, corpus: Corpus) -> Tensor:
        assert isinstance(head, ConversionDecoder)
        truth = []
        for example, start, count in zip(batch.examples, batch.starts, output.lengths.tolist(), strict=True):
            first = round(start * head.frames_each)
            truth.append(_log_mel(example.target.reference)[first : first + count])
        lengths = torch.tensor([len(values) for values in truth], device=output.lengths.device)
        return head.loss(output, Sequences(pad_sequence(truth, batch_first=True).to(output.values), lengths))

    def predict(self, output: Any, batch: Batch, corpus: Corpus) -> Sequence[Any]:
        return [
            log_mel.sound(values[:count]) for values, count in zip(output.values, output.lengths.tolist(), strict=True)
        ]

    def outcomes(self, corpus: Corpus, split: str, said: dict[str, Any]) -> np.ndarray:
        """[N, 4]: distortion, word errors, words, acceptance; NaN in the columns of what was not asked for.

        Word errors and acceptance are of test alone: dev is only chosen by.
        """
        examples = corpus.splits[split]
        made = [said[example.clip.name] for example in examples]
        rows = np.full((len(examples), 4), np.nan)
        for row, example, waveform in zip(rows, examples, made, strict=True):
            converted = Recording(waveform, log_mel.RATE).at(distortion.RATE)
            row[0] = distortion.mel_cepstral_distortion(converted, _waveform(example.target.reference))
        if split == "test" and "asr" in corpus.models:
            rows[:, 1:3] = _word_errors(_asr(corpus.models["asr"]), examples, made)
        if split == "test" and "speaker" in corpus.models:
            rows[:, 3] = _accepted(_encoder(corpus.models["speaker"]), corpus, made)
        return rows

    def measure(self, outcomes: np.ndarray) -> dict[str, float]:
        distortion, errors, words, accepted = outcomes.T
        figures = {"mcd": float(distortion.mean())}
        if not np.isnan(words).all():
            figures["wer"] = 100.0 * float(errors.sum() / words.sum())
        if not np.isnan(accepted).all():
            figures["acceptance"] = 100.0 * float(accepted.mean())
        return figures


def _word_errors(asr: "ASRModel", examples: Sequence[Example], made: Sequence[np.ndarray]) -> list[tuple[float, float]]:
    """Wrong words and words of each; texts without capitals and punctuation, as SUPERB-SG counts."""
    from wavcube.evaluation.metrics.wer import WordErrorRate

    metric, counts = WordErrorRate(asr, "lower"), []
    for example, waveform in zip(examples, made, strict=True):
        original = Recording(_waveform(example.target.reference), distortion.RATE)
        pair = Pair(original, Recording(waveform, log_mel.RATE), example.target.transcript, example.clip.language)
        values = metric.measure(pair).values
        counts.append((values["word_errors"], values["words"]))
    return counts


def _accepted(encoder: SpeakerEncoder, corpus: Corpus, made: Sequence[np.ndarray]) -> list[float]:
    """1 for each recording whose similarity to the reference reaches the threshold of true recordings, else 0."""
    true = {example.clip: example.speaker for example in corpus.test}
    true.update(dict.fromkeys((example.target.reference for example in corpus.test), _target_speaker(corpus)))
    voices = {clip: acceptance.voice(encoder, read_clip(clip, acceptance.RATE)) for clip in true}
    known = {clip: found for clip, found in voices.items() if found is not None}
    threshold = acceptance.acceptance_threshold(list(known.values()), [str(true[clip]) for clip in known])
    if np.isnan(threshold):
        raise DataError("the recordings of test are silent: no similarity can be derived at which a voice is accepted")
    accepted = []
    for example, waveform in zip(corpus.test, made, strict=True):
        converted = acceptance.voice(encoder, Recording(waveform, log_mel.RATE).at(acceptance.RATE))
        reference = voices[example.target.reference]
        accepted.append(
            float(converted is not None and reference is not None and float(converted @ reference) >= threshold)
        )
    return accepted


def _target_speaker(corpus: Corpus) -> str:
    return corpus.train[0].speaker or "the target"


def _listed(manifest: Path) -> Corpus:
    """The corpus of one's own list, of one target speaker. A column `reference` has the target speaker's recording of
    the same sentence, relative to the list: for test always, for train never."""
    rows = read_manifest(manifest, [])
    if wrong := [row.clip.name for row in rows["train"] if row.cells.get("reference")]:
        raise DataError(f"{manifest}: train is the target speaker's own speech, without a reference: {some(wrong)}")
    if wrong := [row.clip.name for row in rows["test"] if not row.cells.get("reference")]:
        raise DataError(f"{manifest}: test needs the target speaker's recordings, column reference: {some(wrong)}")

    def conversion(row: ManifestRow) -> Conversion:
        reference = row.cells.get("reference")
        clip = Clip(reference, manifest.parent / reference) if reference else row.clip
        return Conversion(clip, row.cells.get("transcript") or "")

    return Corpus.of({split: [row.example(conversion(row)) for row in found] for split, found in rows.items()})


def _official(data: Path) -> list[Corpus]:
    found: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in sorted(wanted_folder(data, VCC2020).rglob("E*.wav")):
        found[path.parent.name].setdefault(path.stem, path)
    words = _transcripts(data)
    return [_target(data, found, words, speaker) for speaker in TARGETS]


def _target(data: Path, found: dict[str, dict[str, Path]], words: dict[str, str], target: str) -> Corpus:
    own = {name: path for name, path in found[target].items() if not name.startswith("E3")}
    true = {name: path for name, path in found[target].items() if name.startswith("E3")}
    sources = {speaker: {n: p for n, p in found[speaker].items() if n.startswith("E3")} for speaker in SOURCES}
    for speaker, recordings in ((target, own), (target, true), *sources.items()):
        if not recordings:
            raise VCC2020.missing(data / speaker / ("E1*.wav" if recordings is own else "E3*.wav"))
    unmatched = [f"{s}/{name}" for s, recordings in sources.items() for name in recordings if name not in true]
    if unmatched:
        raise DataError(
            f"{data}: {len(unmatched)} recordings to convert have no true one of {target}: {some(unmatched)}"
        )

    def of(speaker: str, name: str, path: Path, reference: Path) -> Example:
        conversion = Conversion(Clip(f"{target}/{name}", reference), words.get(name[1:], ""))
        return Example(Clip(f"{speaker}/{name}", path), conversion, speaker)

    training = [of(target, name, path, path) for name, path in own.items()]
    test = [of(s, name, path, true[name]) for s, recordings in sources.items() for name, path in recordings.items()]
    return Corpus(training[:-DEV_RECORDINGS], training[-DEV_RECORDINGS:], test, name=target)


def _transcripts(data: Path) -> dict[str, str]:
    """Words by the number of a sentence, from lines `30001 WORDS`; none where there is no such file."""
    words = {}
    for table in sorted(data.rglob(TRANSCRIPTS))[:1]:
        for line in wanted_lines(table, VCC2020):
            number, _, text = line.strip().partition(" ")
            words[number] = text.strip()
    return words


@lru_cache(maxsize=KEPT_RECORDINGS)
def _waveform(clip: Clip) -> np.ndarray:
    return read_clip(clip, distortion.RATE)


@lru_cache(maxsize=KEPT_RECORDINGS)
def _log_mel(clip: Clip) -> Tensor:
    return log_mel.log_mel(read_clip(clip, log_mel.RATE))


@cache
def _asr(description: str) -> "ASRModel":
    from wavcube.evaluation.asr import load_asr

    return load_asr(description)


@cache
def _encoder(description: str) -> SpeakerEncoder:
    return load_speaker_encoder(description)
