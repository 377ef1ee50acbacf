"""`FlowMatchingTTS`: text and a prompt's frames -> frames of speech; with its vocabulary and frame statistics."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from wavcube.codec.blocks.masking import zero_beyond
from wavcube.codec.checkpoint.meta_init import meta_init
from wavcube.configuration.aliases import TTS_WEIGHTS
from wavcube.errors import CheckpointError, ConfigError
from wavcube.generation.flow.few_steps import few_step_grid
from wavcube.generation.flow.model_folder import (
    CONFIG,
    find_model_folder,
    load_weights,
    read_weights,
    write_model_folder,
)
from wavcube.generation.flow.solver import SolverSettings, guided, solve, solve_in_few_steps
from wavcube.generation.flow.transformer import DiffusionTransformer
from wavcube.generation.tts.config import FlowMatchingTTSConfig
from wavcube.generation.tts.durations.average_durations import AverageDurations
from wavcube.generation.tts.durations.duration_network import DurationNetwork
from wavcube.generation.tts.durations.text_duration import check_frames
from wavcube.generation.tts.text.frontend import build_text_frontend, language_of
from wavcube.generation.tts.text.vocabulary import FILLER, Vocabulary
from wavcube.generation.tts.text_embedding import TextEmbedding
from wavcube.padding import valid_mask

PACKAGED = Path(__file__).parent / "pretrained" / "nano"
"""The small model that comes with the package."""

STATISTICS = ("mean", "std", "duration_predictor.effects", "duration_predictor.usual")
"""Of the training data; they stay float32."""


@dataclass
class SynthesisRequest:
    """One item to generate.

    Attributes:
        prompt: frames [P, C] of the voice, as the representation gives them.
        text: token ids of the prompt's text and the new one together; of the new one alone with alignment by duration.
        frames: to make, besides the prompt's.
        seed: of its noise and of the durations of its tokens.
        rate: of the voice, see `Voice`; used with alignment by duration only.
        ends: [N], rising to `frames`: the frame at which each token ends, where it is known; else durations are drawn.
            With alignment by duration only.
    """

    prompt: Tensor
    text: list[int]
    frames: int
    seed: int
    rate: float | None = None
    ends: Tensor | None = None


class FlowMatchingTTS(nn.Module):
    """Text embedding and diffusion transformer over normalised frames.

    `FlowMatchingTTS(config)` has random weights (the velocity is zero); `from_pretrained` loads a folder.

    Attributes:
        mean, std: [C] of the frames of the training data.
        vocabulary: its tokens.
        text_frontend: text -> tokens.
        duration_predictor: durations of tokens, where the text alignment is "duration"; None elsewhere.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: FlowMatchingTTSConfig) -> None:
        super().__init__()
        channels = config.representation.channels
        self.config = config
        self.vocabulary = Vocabulary(config.tokens)
        by_duration = config.transformer.text_alignment == "duration"
        self.text_frontend = build_text_frontend(config.text_frontend, edges=by_duration)
        self.text = TextEmbedding(len(self.vocabulary), config.transformer)
        self.transformer = DiffusionTransformer(channels, config.transformer)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        self.duration_predictor = _durations(config, self.vocabulary) if by_duration else None

    @property
    def device(self) -> torch.device:
        return self.mean.device

    @property
    def dtype(self) -> torch.dtype:
        return self.transformer.output.weight.dtype

    @property
    def language(self) -> str:
        """Of the texts that it speaks, such as en-us; empty where it has several."""
        return language_of(self.config.text_frontend, self.config.languages)

    def token_ids(self, text: str) -> list[int]:
        """Ids of a text's tokens.

        Raises:
            TextError: it has characters outside the vocabulary.
        """
        return self.vocabulary.encode(self.text_frontend(text))

    def normalise(self, values: Tensor) -> Tensor:
        """Frames [..., C] -> zero mean and unit variance in each channel."""
        return (values - self.mean) / self.std

    def denormalise(self, frames: Tensor) -> Tensor:
        return frames * self.std + self.mean

    def embed(self, text: Tensor, lengths: Tensor, made: Tensor, ends: Tensor | None = None) -> Tensor:
        """Embeddings [B, T, D] of texts, see `TextEmbedding`; aligned by duration, tokens are put on frames to be made
        only (`made` [B, T]): the others are the prompt's, whose text is in their sound."""
        embedded = self.text(text, lengths, ends)
        return embedded if self.duration_predictor is None else zero_beyond(embedded, made)

    def token_seconds(self, token_ids: Sequence[int], rate: float | None = None, seed: int | None = None) -> Tensor:
        """Seconds of the tokens of a text [N] on the CPU, see `DurationNetwork.draw`; alignment by duration only."""
        assert self.duration_predictor is not None
        return self.duration_predictor.draw(torch.tensor(token_ids), rate, seed)

    def token_ends(
        self, token_ids: Sequence[int], frames: int, rate: float | None = None, seed: int | None = None
    ) -> Tensor:
        """The frame at which each token of a text [N] ends, if it is to last `frames`, float32 [N] on the CPU."""
        ends = self.token_seconds(token_ids, rate, seed).cumsum(0)
        return ends * (frames / ends[-1])

    def request_ends(self, request: SynthesisRequest) -> Tensor:
        """The frame at which each token of a request ends, float32 [N] on the CPU: its own, or drawn by its seed."""
        if request.ends is not None:
            return request.ends
        return self.token_ends(request.text, request.frames, request.rate, request.seed)

    def least_frames(self, token_ids: Sequence[int]) -> int:
        """Frames that a text needs: one for each token; aligned by duration, for each that is no pause."""
        if self.duration_predictor is None:
            return len(token_ids)
        return len(token_ids) - sum(self.vocabulary.pauses[token_id - 1] for token_id in token_ids)

    def check(self, request: SynthesisRequest) -> None:
        """Refuse what cannot be generated.

        Raises:
            TextError: the text does not fit its frames, or prompt and speech are too long.
        """
        total = len(request.prompt) + request.frames
        room = total if self.duration_predictor is None else request.frames
        check_frames(self.least_frames(request.text), room, total, self.config.representation.frame_rate)

    def spoken_span(self, request: SynthesisRequest) -> tuple[float, float]:
        """The frames at which the first sound of a text begins and the last ends; all, without predicted durations."""
        spoken = [i for i, token_id in enumerate(request.text) if not self.vocabulary.pauses[token_id - 1]]
        if self.duration_predictor is None or not spoken:
            return 0.0, float(request.frames)
        ends = self.request_ends(request).tolist()
        return ends[spoken[0] - 1] if spoken[0] else 0.0, ends[spoken[-1]]

    @torch.no_grad()
    def generate(self, requests: Sequence[SynthesisRequest], settings: SolverSettings) -> list[Tensor]:
        """Frames [T, C] of each item, float32 on the model's device, without the prompt's.

        An item gets what it gets alone: its noise is drawn by its own seed, and no item sees another's frames.

        Raises:
            TextError: a text has more tokens than frames, or an item is too long.
            ConfigError: few steps are asked for, and the model is not distilled.
        """
        if self.training:
            raise RuntimeError("put the model into evaluation mode before it generates")
        few_steps = self.config.transformer.few_steps
        if settings.few_steps and not few_steps:
            raise ConfigError("the model is not distilled, so it has no few-step form; leave --few-steps out")
        totals = [len(item.prompt) + item.frames for item in requests]
        for item in requests:
            self.check(item)
        lengths = torch.tensor(totals, device=self.device)
        prompts = [self.normalise(item.prompt.to(self.device, torch.float32)) for item in requests]
        condition = pad_sequence(
            [nn.functional.pad(prompt, (0, 0, 0, item.frames)) for prompt, item in zip(prompts, requests, strict=True)],
            True,
        )
        text = pad_sequence([torch.tensor(item.text) for item in requests], True, FILLER).to(self.device)
        starts = torch.tensor([len(item.prompt) for item in requests], device=self.device)
        made = ~valid_mask(starts, int(lengths.max()))
        ends = None
        if self.duration_predictor is not None:
            placed = [len(item.prompt) + self.request_ends(item) for item in requests]
            ends = pad_sequence(placed, True, math.inf).to(self.device)
        embedded = self.embed(text, lengths, made, ends)
        context = self.transformer.context(condition.to(self.dtype), embedded)
        masked = None if len(set(totals)) == 1 else lengths
        noise = pad_sequence(
            [self._noise(total, item.seed) for item, total in zip(requests, totals, strict=True)], True
        ).to(self.device, self.dtype)
        if settings.few_steps:
            grid = few_step_grid(few_steps).to(self.device)
            made = solve_in_few_steps(self.transformer, noise, context, masked, grid).float()
        else:
            null = self.transformer.context(torch.zeros_like(condition, dtype=self.dtype), torch.zeros_like(embedded))
            velocity = guided(self.transformer, context, null, masked, settings.guidance)
            made = solve(velocity, noise, settings).float()
        return [
            self.denormalise(frames[len(item.prompt) : total])
            for frames, item, total in zip(made, requests, totals, strict=True)
        ]

    def _noise(self, frames: int, seed: int) -> Tensor:
        # On the CPU whatever the device: a seed gives the same noise everywhere.
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(frames, self.config.representation.channels, generator=generator)

    def with_vocabulary(
        self, vocabulary: Vocabulary, text_frontend: str, languages: tuple[str, ...] | None = None
    ) -> "FlowMatchingTTS":
        """The same model for a vocabulary with more or other tokens; of other languages, if they are given.

        Tokens that it knew keep their embedding; new ones begin at the mean of those.
        """
        config = dataclasses.replace(self.config, tokens=vocabulary.tokens, text_frontend=text_frontend)
        config = dataclasses.replace(config, languages=languages or config.languages)
        changed = FlowMatchingTTS(config)
        weights = self.state_dict()
        new = len(self.vocabulary) + 1
        known = [self.vocabulary.encode([token])[0] if token in self.vocabulary else new for token in vocabulary.tokens]
        rows = torch.tensor([FILLER, *known])
        table = weights["text.table.weight"]
        weights["text.table.weight"] = torch.cat([table, table[1:].mean(0, keepdim=True)])[rows]
        if self.duration_predictor is not None and changed.duration_predictor is not None:
            changed.duration_predictor.grow(self.duration_predictor.state_dict(), rows)
            weights |= {f"duration_predictor.{k}": v for k, v in changed.duration_predictor.state_dict().items()}
        changed.load_state_dict(weights)
        return changed

    def with_few_steps(self, steps: int) -> "FlowMatchingTTS":
        """The same model with room for a few-step form, which it has yet to learn (flow/few_steps.py); 0 for none."""
        transformer = dataclasses.replace(self.config.transformer, few_steps=steps)
        changed = FlowMatchingTTS(dataclasses.replace(self.config, transformer=transformer))
        kept = changed.state_dict() | self.state_dict()
        changed.load_state_dict({key: kept[key] for key in changed.state_dict()})
        return changed.train(self.training)

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str | torch.device = "cpu") -> Self:
        """Load what `save_pretrained` wrote (or a run's folder with a finished model), in evaluation mode, float32.

        Raises:
            CheckpointError: the folder holds no such model, or its weights are damaged or do not fit.
        """
        folder = find_model(folder)
        try:
            config = FlowMatchingTTSConfig.load(folder / CONFIG)
        except ConfigError as error:
            raise CheckpointError(str(error)) from error
        with meta_init():
            model = cls(config)
        weights = read_weights(folder)
        weights = {TTS_WEIGHTS.get(key, key): value for key, value in weights.items()}
        load_weights(model, weights, folder)
        return model.to(device).eval()

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype | None = None) -> None:
        """Write config.json and model.safetensors, weights in `dtype` (statistics stay float32)."""
        write_model(folder, self.config, self.state_dict(), dtype)


def _durations(config: FlowMatchingTTSConfig, vocabulary: Vocabulary) -> AverageDurations | DurationNetwork:
    return DurationNetwork(vocabulary.pauses) if config.durations == "network" else AverageDurations(len(vocabulary))


def write_model(
    folder: str | Path, config: FlowMatchingTTSConfig, weights: dict[str, Tensor], dtype: torch.dtype | None = None
) -> None:
    """Write a model's folder; each file appears whole, the configuration last.

    Raises:
        CheckpointError: the disk refuses.
    """
    write_model_folder(folder, config, weights, dtype, STATISTICS)


def find_model(name: str | Path) -> Path:
    """The folder of a model, where `name` may also be the folder of a training run, or "packaged".

    Raises:
        CheckpointError: there is none.
    """
    folder = PACKAGED if name == "packaged" else Path(name)
    return find_model_folder(folder, "text-to-speech model")


def representation_of(name: str | Path) -> str:
    """The specification of the representation that a model (see `find_model`) was trained on.

    Raises:
        CheckpointError: there is no such model, or its configuration is damaged.
    """
    try:
        return FlowMatchingTTSConfig.load(find_model(name) / CONFIG).representation.spec
    except ConfigError as error:
        raise CheckpointError(str(error)) from error
