"""The acoustic loss: how a decoded waveform is compared with the recording."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.training.config import LossConfig
from wavcube.training.discriminators import Verdict
from wavcube.training.losses import (
    MelLoss,
    SpectrumLoss,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
)

Judge = Callable[[Tensor], dict[str, list[Verdict]]]
"""Discriminators, by family, of a waveform [B, S]."""

Logs = dict[str, Tensor]
"""Scalars by name, detached."""


class AcousticLoss(nn.Module):
    """mel * L1 of log-mels + gan * (adversarial + feature matching), and the terms that are off by default."""

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config
        self.mel = MelLoss()
        self.spectrum = SpectrumLoss(config.stft_windows)

    def forward(self, decoded: Tensor, recording: Tensor, judge: Judge | None) -> tuple[Tensor, Logs]:
        """Loss of `decoded` against `recording`, both [B, S]; without `judge` there is no adversarial part.

        The discriminators' parameters should not require gradients here: they only pass theirs on to the waveform.
        """
        config = self.config
        mel = self.mel(decoded, recording)
        total, logs = config.mel * mel, {"mel": mel}
        if config.waveform:
            logs["waveform"] = F.l1_loss(decoded, recording)
            total = total + config.waveform * logs["waveform"]
        if config.stft_magnitude or config.stft_complex:
            logs["stft_magnitude"], logs["stft_complex"] = self.spectrum(decoded, recording)
            total = total + config.stft_magnitude * logs["stft_magnitude"]
            total = total + config.stft_complex * logs["stft_complex"]
        if judge is not None:
            fake = judge(decoded)
            with torch.no_grad():
                real = judge(recording)
            for family, verdicts in fake.items():
                weight = config.gan * (config.band if family == "band" else 1.0)
                logs[f"adversarial_{family}"] = adversarial_loss(verdicts)
                logs[f"feature_matching_{family}"] = feature_matching_loss(real[family], verdicts)
                total = total + weight * logs[f"adversarial_{family}"]
                total = total + weight * config.feature_matching * logs[f"feature_matching_{family}"]
        return total, {name: value.detach() for name, value in logs.items()}

    def discriminator(self, decoded: Tensor, recording: Tensor, judge: Judge) -> tuple[Tensor, Logs]:
        """The discriminators' own loss on both waveforms [B, S]; gradients stop at `decoded`.

        Not scaled by `gan`, as it is in the reference: AdamW takes the scale out again.
        """
        verdicts = judge(torch.cat([recording, decoded.detach()]))  # one pass of twice the batch is faster than two
        items = len(recording)
        logs = {}
        for family, both in verdicts.items():
            real = [Verdict(verdict.score[:items], []) for verdict in both]
            fake = [Verdict(verdict.score[items:], []) for verdict in both]
            logs[f"discriminator_{family}"] = discriminator_loss(real, fake)
        total = logs.get("discriminator_period", 0.0) + self.config.band * logs.get("discriminator_band", 0.0)
        assert isinstance(total, Tensor)
        return total, {name: value.detach() for name, value in logs.items()}
