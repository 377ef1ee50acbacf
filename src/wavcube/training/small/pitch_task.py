"""Training of the network that finds the pitch among an encoder's features (codec/source_filter/pitch.py).

    cross-entropy(F0 on its grid, the reference's, widened to 0.02 of log-F0; voiced frames) + cross-entropy(voicing)

The reference (pitch_reference.py) follows the recording as it is; the network gets half of the crops at another level
and with white noise, so that it stays with the pitch where a recording is worse.
"""

import dataclasses
import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec import EncoderConfig
from wavcube.codec.blocks.masking import length_mask
from wavcube.codec.log_mel import WhisperLogMel
from wavcube.codec.source_filter.pitch import PitchTracker, f0_grid, read_f0
from wavcube.data.streaming import Batch
from wavcube.engine.trainable import DiscriminatorFn, Logs
from wavcube.training.config import TrainConfig
from wavcube.training.crops import CropObjective, Output
from wavcube.training.init_from import model_config
from wavcube.training.small.pitch_folder import PitchConfig, load_pitch, save_pitch
from wavcube.training.small.pitch_reference import PitchReference

WIDTH = 0.02
"""Standard deviation of the target around the reference's F0, in log-F0: 35 cents."""

GAIN = (-0.7, 0.2)
"""Range of the logarithm (base 10) of the gain of changed crops: -14 to 4 dB."""

NOISE = (-4.0, -2.2)
"""Range of the logarithm (base 10) of the amplitude of their noise."""

FAR = 50.0
"""Cents from which an F0 counts as wrong in validation."""


class PitchNetworks(nn.Module):
    """The log-mel that an encoder has, and the pitch network on it."""

    def __init__(self, encoder: EncoderConfig, tracker: PitchTracker) -> None:
        super().__init__()
        self.encoder = encoder
        self.log_mel = WhisperLogMel(encoder)
        self.tracker = tracker

    def forward(self, waveform: Tensor, lengths: Tensor | None) -> Output:
        """Waveform [B, S] and valid samples [B] (None: all) to scores [B, 2 T, STEPS] and voicing (logit) [B, 2 T]."""
        mask = length_mask(lengths, waveform.shape[1])
        own = waveform if mask is None else waveform.masked_fill(~mask, 0.0)
        frames = None if lengths is None else 2 * self.encoder.frame_counts(lengths)
        scores, voicing = self.tracker.scores(own, self.log_mel(waveform, lengths), frames)
        return {"scores": scores, "voicing": voicing}


class PitchTask(CropObjective):
    """`config.init_from` is "random" or a run of this task to go on from; sizes are those of `config.model.encoder`."""

    networks: PitchNetworks

    def __init__(self, config: TrainConfig, checkpoint: Path | None) -> None:
        super().__init__()
        start = checkpoint or config.init_from
        encoder = model_config(config.model).encoder
        if start == "random":
            self.config = PitchConfig.of(encoder)
            tracker = self.config.build()
        else:
            self.config, tracker = load_pitch(start)
        self.networks = PitchNetworks(dataclasses.replace(encoder, **dataclasses.asdict(self.config)), tracker)
        self.reference = PitchReference()

    def inputs(self, batch: Batch) -> dict[str, Any]:
        inputs = super().inputs(batch)
        if self.networks.training:
            inputs["waveform"] = changed(inputs["waveform"])
        return inputs

    def loss(self, batch: Batch, output: Output, discriminate: DiscriminatorFn | None) -> tuple[Tensor, Logs]:
        terms = self._terms(output, *self._target(batch, output))
        return torch.stack(list(terms.values())).sum(), {name: value.detach() for name, value in terms.items()}

    def measure(self, batch: Batch, output: Output) -> Logs:
        target, real = self._target(batch, output)
        both = real & (target[..., 1] > 0) & (output["voicing"] > 0)
        cents = 1200 / math.log(2) * (read_f0(output["scores"]) - target[..., 0]).abs()[both]
        measures = self._terms(output, target, real)
        if len(cents):
            measures |= {"cents": cents.median(), "far": (cents > FAR).float().mean()}
        return measures

    def save(self, folder: Path, weights: dict[str, Tensor]) -> None:
        save_pitch(folder, self.config, {name.removeprefix("tracker."): value for name, value in weights.items()})

    def export(self, checkpoint: Path, folder: Path) -> None:
        config, tracker = load_pitch(checkpoint)
        save_pitch(folder, config, tracker.state_dict())

    def _target(self, batch: Batch, output: Output) -> tuple[Tensor, Tensor]:
        """The reference's log-F0 and voicing [B, 2 T, 2], and which frames count [B, 2 T]."""
        frames = output["voicing"].shape[1]
        target = self.reference(batch.waveform, batch.lengths, frames)
        counts = 2 * self.networks.encoder.frame_counts(batch.lengths)
        return target, torch.arange(frames, device=target.device) < counts[:, None]

    @staticmethod
    def _terms(output: Output, target: Tensor, real: Tensor) -> Logs:
        voiced = real & (target[..., 1] > 0)
        distance = (target[voiced][:, :1] - f0_grid(target.device)) / WIDTH
        wanted = (-0.5 * distance.square()).softmax(-1)
        wrong = -(wanted * output["scores"][voiced].log_softmax(-1)).sum(-1)
        voicing = F.binary_cross_entropy_with_logits(output["voicing"][real], target[..., 1][real])
        return {"f0": wrong.sum() / max(1, len(wrong)), "voicing": voicing}


def changed(waveform: Tensor) -> Tensor:
    """[B, S], half of the items at another level and with white noise."""
    drawn = torch.rand(3, len(waveform), 1, device=waveform.device)
    gain, noise = (10 ** (low + (high - low) * share) for (low, high), share in zip((GAIN, NOISE), drawn, strict=False))
    worse = gain * waveform + noise * torch.randn_like(waveform)
    return torch.where(drawn[2] < 0.5, worse, waveform)
