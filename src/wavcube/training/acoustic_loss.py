"""The acoustic loss: how a decoded waveform is compared with the recording."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.engine.trainable import Logs
from wavcube.training.config import LossConfig
from wavcube.training.discriminators import DiscriminatorOutput
from wavcube.training.losses import (
    EnvelopeLoss,
    MelLoss,
    SpectrumLoss,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
)

Discriminate = Callable[[Tensor], dict[str, list[DiscriminatorOutput]]]
"""Discriminators, by family, of a waveform [B, S]."""


class AcousticLoss(nn.Module):
    """mel * L1 of log-mels + gan * (adversarial + feature matching), and the terms that are off by default."""

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config
        self.mel = MelLoss()
        self.spectrum = SpectrumLoss(config.stft_windows)
        self.envelope = EnvelopeLoss()

    def forward(self, decoded: Tensor, recording: Tensor, discriminate: Discriminate | None) -> tuple[Tensor, Logs]:
        """Loss of `decoded` against `recording`, both [B, S]; without `discriminate` there is no adversarial part.

        The discriminators' parameters should not require gradients here: they only pass theirs on to the waveform.
        """
        config = self.config
        mel = self.mel(decoded, recording)
        total, logs = config.mel * mel, {"mel": mel}
        if config.waveform:
            logs["waveform"] = F.l1_loss(decoded, recording)
            total = total + config.waveform * logs["waveform"]
        if config.envelope:
            logs["envelope"] = self.envelope(decoded, recording)
            total = total + config.envelope * logs["envelope"]
        if config.stft_magnitude or config.stft_complex:
            logs["stft_magnitude"], logs["stft_complex"] = self.spectrum(decoded, recording)
            total = total + config.stft_magnitude * logs["stft_magnitude"]
            total = total + config.stft_complex * logs["stft_complex"]
        if discriminate is not None:
            fake = discriminate(decoded)
            with torch.no_grad():
                real = discriminate(recording)
            for family, outputs in fake.items():
                weight = config.gan * (config.band if family == "band" else 1.0)
                logs[f"adversarial_{family}"] = adversarial_loss(outputs)
                logs[f"feature_matching_{family}"] = feature_matching_loss(real[family], outputs)
                total = total + weight * logs[f"adversarial_{family}"]
                total = total + weight * config.feature_matching * logs[f"feature_matching_{family}"]
        return total, {name: value.detach() for name, value in logs.items()}

    def discriminator(self, decoded: Tensor, recording: Tensor, discriminate: Discriminate) -> tuple[Tensor, Logs]:
        """The discriminators' own loss on both waveforms [B, S]; gradients stop at `decoded`.

        Not scaled by `gan`, as it is in the reference: AdamW takes the scale out again.
        """
        # One pass of twice the batch is faster than two.
        outputs = discriminate(torch.cat([recording, decoded.detach()]))
        items = len(recording)
        logs = {}
        for family, both in outputs.items():
            real = [DiscriminatorOutput(output.logits[:items], []) for output in both]
            fake = [DiscriminatorOutput(output.logits[items:], []) for output in both]
            logs[f"discriminator_{family}"] = discriminator_loss(real, fake)
        total = logs.get("discriminator_period", 0.0) + self.config.band * logs.get("discriminator_band", 0.0)
        assert isinstance(total, Tensor)
        return total, {name: value.detach() for name, value in logs.items()}
