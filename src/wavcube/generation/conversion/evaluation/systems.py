"""Systems of voice conversion under evaluation: each gets the source's recording and the target."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from wavcube.audio.io import load_audio
from wavcube.data.clip import Clip
from wavcube.errors import ConfigError, DataError
from wavcube.evaluation.metric import Recording
from wavcube.evaluation.systems import EVALUATION_RATE, System, load_system
from wavcube.generation.conversion.evaluation.pairs import Target
from wavcube.generation.conversion.flow_converter import FlowVoiceConverter
from wavcube.generation.conversion.pipeline import MATCH, VoiceConverter
from wavcube.generation.conversion.voice import TargetVoice
from wavcube.hashing import digest, fingerprint_file

SYSTEMS = """\
packaged, FOLDER        conversion on the packaged WavCube or another; options as in packaged?match=0.7
flow, flow:FOLDER       conversion by the packaged text-to-speech model or another, with the list's transcripts
source                  the source's recording itself
pitch-shift             the source with its pitch moved to the target's, and nothing else
true                    another true recording of the target: other words, its own voice
resynthesis             the same through the first model's WavCube
files:FOLDER            results that another program wrote, under the names of the sources"""

KEPT_VOICES = 8


class TargetSystem(System):
    """A system that is given the target as well; `targets` by the utterances' names."""

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self.targets = targets

    def fingerprint_for(self, name: str) -> str:
        target = self.targets[name]
        used = (*target.recordings, target.other)
        return " ".join([self.fingerprint, *(fingerprint_file(path) for path in used)])

    def reconstruct(self, originals: Sequence[Recording]) -> list[Recording]:
        return [Recording(self.process(o, self.targets[o.name]), EVALUATION_RATE, o.name) for o in originals]

    @abstractmethod
    def process(self, source: Recording, target: Target) -> np.ndarray:
        """A waveform [S] at the rate of evaluation."""


class Source(TargetSystem):
    """Nothing done."""

    name = fingerprint = "source"
    title = "the source's recording"

    def process(self, source: Recording, target: Target) -> np.ndarray:
        return source.at(EVALUATION_RATE)


class TrueSpeech(TargetSystem):
    """True speech of the target."""

    name = fingerprint = "true"
    title = "another recording of the target, of other words"

    def process(self, source: Recording, target: Target) -> np.ndarray:
        return load_audio(target.other, EVALUATION_RATE)


class _Converting(TargetSystem):
    def __init__(self, targets: Mapping[str, Target], converter: VoiceConverter) -> None:
        super().__init__(targets)
        self.converter = converter
        self._voice = lru_cache(KEPT_VOICES)(self._read)

    def voice(self, target: Target) -> TargetVoice:
        return self._voice(target.recordings)

    def _read(self, recordings: tuple[Path, ...]) -> TargetVoice:
        return self.converter.voice(list(recordings))


class Resynthesis(_Converting):
    """The codec alone: the most that a conversion by it can reach."""

    name = "resynthesis"
    title = "another recording of the target, encoded and decoded"

    @property
    def fingerprint(self) -> str:  # type: ignore[override]
        return f"resynthesis {self.converter.weights_fingerprint()}"

    def process(self, source: Recording, target: Target) -> np.ndarray:
        true = load_audio(target.other, EVALUATION_RATE)
        return self.converter.codec.reconstruct(true, EVALUATION_RATE)[0].float().cpu().numpy()


class PitchShift(_Converting):
    """The source's latent with the target's range of pitch."""

    name = "pitch-shift"
    title = "the source's pitch moved to the target's, nothing else"

    @property
    def fingerprint(self) -> str:  # type: ignore[override]
        return f"pitch shift {self.converter.weights_fingerprint()}"

    def process(self, source: Recording, target: Target) -> np.ndarray:
        codec, channels = self.converter.codec, self.converter.channels
        waveform = source.at(EVALUATION_RATE)
        latents = codec.encode(waveform, EVALUATION_RATE).values[0].float().cpu()
        shifted = channels.like(latents, self.voice(target).latents)
        return codec.decode(shifted[None], len(waveform))[0].float().cpu().numpy()


class Converted(_Converting):
    """Conversion."""

    def __init__(self, targets: Mapping[str, Target], converter: VoiceConverter, name: str, match: float) -> None:
        super().__init__(targets, converter)
        self.name, self.match = name, match
        self.title = f"conversion, match {match:g}"
        self.fingerprint = f"converted {converter.weights_fingerprint()} {match} {converter.chunking}"

    def process(self, source: Recording, target: Target) -> np.ndarray:
        waveform, voice = source.at(EVALUATION_RATE), self.voice(target)
        return self.converter.convert(waveform, voice, EVALUATION_RATE, match=self.match)


class ConvertedByFlow(TargetSystem):
    """Conversion by text to speech, with the transcripts of the list."""

    title = "conversion by the flow of text to speech"

    def __init__(self, targets: Mapping[str, Target], converter: FlowVoiceConverter, name: str) -> None:
        super().__init__(targets)
        self.converter, self.name = converter, name
        self._texts: dict[str, str] = {}
        self.fingerprint = f"flow {converter.weights_fingerprint()} {converter.chunking}"
        self._voice = lru_cache(KEPT_VOICES)(lambda recordings: converter.voice(list(recordings)))

    def check(self, utterances: Sequence[Clip]) -> None:
        for utterance in utterances:
            if not utterance.transcript:
                raise DataError(f"{utterance.path}: conversion by text to speech needs its transcript in the list")
            self._texts[utterance.name] = utterance.transcript

    def fingerprint_for(self, name: str) -> str:
        return f"{super().fingerprint_for(name)} {digest(self._texts[name])}"

    def process(self, source: Recording, target: Target) -> np.ndarray:
        waveform, voice = source.at(EVALUATION_RATE), self._voice(target.recordings)
        return self.converter.convert(waveform, voice, EVALUATION_RATE, text=self._texts[source.name])


def load_conversion_systems(
    descriptions: Sequence[str], targets: Mapping[str, Target], device: str = "cpu"
) -> list[System]:
    """The systems that descriptions name (see `SYSTEMS`).

    Raises:
        ConfigError: an option that does not exist, or a model that cannot convert.
        CheckpointError: no such model.
    """
    plain: dict[str, type[TargetSystem]] = {system.name: system for system in (Source, TrueSpeech)}
    coded: dict[str, type[_Converting]] = {system.name: system for system in (Resynthesis, PitchShift)}
    folders = [text.partition("?")[0] for text in descriptions if text not in (*plain, *coded, "flow")]
    models = [folder for folder in folders if not folder.startswith(("files:", "flow:"))] or ["packaged"]

    @lru_cache(None)
    def converter(folder: str) -> VoiceConverter:
        return VoiceConverter.from_pretrained(None if folder == "packaged" else folder, device=device)

    found: list[System] = []
    for description in descriptions:
        if description in plain:
            found.append(plain[description](targets))
        elif description in coded:
            found.append(coded[description](targets, converter(models[0])))
        elif description == "flow" or description.startswith("flow:"):
            model = description.partition(":")[2] or None
            name = "wavcube-flow" if model is None else model.rstrip("/").rsplit("/", 1)[-1]
            found.append(ConvertedByFlow(targets, FlowVoiceConverter.from_pretrained(model, device=device), name))
        elif description.startswith("files:"):
            found.append(load_system(description))
        else:
            folder, _, query = description.partition("?")
            name = "wavcube-convert" if folder == "packaged" else folder.rstrip("/").rsplit("/", 1)[-1]
            found.append(Converted(targets, converter(folder), f"{name}?{query}" if query else name, _match(query)))
    return found


def _match(query: str) -> float:
    if not query:
        return MATCH
    option, _, value = query.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if option != "match" or not 0 <= number <= 1:
        raise ConfigError(f"option {query!r} should be match=R, with R from 0 to 1")
    return number
