"""Systems of voice conversion under evaluation: each gets the source's recording and the target."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from wavcube.audio.io import load_audio
from wavcube.data.clip import Clip
from wavcube.errors import DataError
from wavcube.evaluation.metric import Recording
from wavcube.evaluation.systems import EVALUATION_RATE, System, load_system
from wavcube.generation.conversion.evaluation.pairs import Target
from wavcube.generation.conversion.flow_converter import FlowVoiceConverter
from wavcube.generation.conversion.pipeline import MATCH, VoiceConverter
from wavcube.generation.conversion.voice import TargetVoice
from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.regression.evaluation.systems import query_options, system_name
from wavcube.hashing import digest, fingerprint_file

SYSTEMS = """\
packaged, FOLDER        conversion on the packaged WavCube or another; options as in packaged?match=0.7
flow, flow:FOLDER       conversion by the packaged text-to-speech model or another, with the list's transcripts;
                        flow?few_steps=1 takes the model's few steps
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

    def __init__(
        self, targets: Mapping[str, Target], converter: FlowVoiceConverter, name: str, solver: SolverSettings
    ) -> None:
        super().__init__(targets)
        self.converter, self.name, self.solver = converter, name, solver
        how = "in few steps" if solver.few_steps else f"in {solver.nfe} evaluations"
        self.title = f"conversion by the flow of text to speech, {how}"
        self._texts: dict[str, str] = {}
        self.fingerprint = f"flow {converter.weights_fingerprint()} {converter.chunking} {solver}"
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
        text = self._texts[source.name]
        return self.converter.convert(waveform, voice, EVALUATION_RATE, text=text, solver=self.solver)


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
    models = [folder for folder in map(_folder, descriptions) if folder not in (*plain, *coded)]
    models = [folder for folder in models if folder != "flow" and not folder.startswith(("files:", "flow:"))]

    @lru_cache(None)
    def converter(folder: str) -> VoiceConverter:
        return VoiceConverter.from_pretrained(None if folder == "packaged" else folder, device=device)

    found: list[System] = []
    for description in descriptions:
        folder, query = _folder(description), description.partition("?")[2]
        if description in plain:
            found.append(plain[description](targets))
        elif description in coded:
            found.append(coded[description](targets, converter(models[0] if models else "packaged")))
        elif folder == "flow" or folder.startswith("flow:"):
            few_steps = bool(query_options(query, {"few_steps": 0.0})["few_steps"])
            model = folder.partition(":")[2] or None
            name = system_name(model or "packaged", query, "wavcube-flow")
            flow = FlowVoiceConverter.from_pretrained(model, device=device).optimize()
            found.append(ConvertedByFlow(targets, flow, name, SolverSettings(few_steps=few_steps)))
        elif description.startswith("files:"):
            found.append(load_system(description))
        else:
            match = query_options(query, {"match": MATCH})["match"]
            name = system_name(folder, query, "wavcube-convert")
            found.append(Converted(targets, converter(folder), name, match))
    return found


def _folder(description: str) -> str:
    """What a description names, without its options."""
    return description.partition("?")[0]
