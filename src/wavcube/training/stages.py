"""The two stages of WavCube (arXiv 2605.06407).

Stage 1: the encoder is frozen; compressor C and restorer R learn to take its features f through the bottleneck, and
the acoustic decoder learns to decode a latent that its loss does not shape:

    L(R(C(f)), f) + acoustic(decoder(stop_gradient(C(f))))

Stage 2: the encoder learns too, and a frozen copy of it, the teacher, anchors it while the acoustic loss shapes the
latent:

    L(R(C(f_student)), f_teacher) + L(f_student, f_teacher) + acoustic(decoder(C(f_student)))

An optional extra term, not in the paper, matches the frozen encoder's features of the decoded audio to those of the
original recording: L(frozen(decoded), frozen(recording)).
"""

import dataclasses
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.codec import WavCube
from wavcube.codec.blocks.masking import length_mask, zero_beyond
from wavcube.codec.checkpoint.folder import STATISTICS, write_checkpoint
from wavcube.codec.source_filter.decoder import SourceFilterDecoder
from wavcube.data.streaming import Batch
from wavcube.engine.trainable import Logs
from wavcube.errors import ConfigError
from wavcube.training.acoustic_loss import AcousticLoss, Discriminate
from wavcube.training.config import TrainConfig
from wavcube.training.crops import CropObjective, Output
from wavcube.training.discriminators import Discriminators
from wavcube.training.latent_statistics import LatentStatistics
from wavcube.training.losses import VoicedLoss, pitch_loss, semantic_loss
from wavcube.training.small.feature_cache import FeatureCache
from wavcube.training.small.recording_pulses import recording_pulses


class StageNetworks(nn.Module):
    """A WavCube in training form; what is frozen stays in evaluation mode, as does the encoder.

    The adapters (compressor and restorer) keep the dropout of their configuration, the encoder has none: it is a
    pretrained network that is tuned, and its targets come without dropout.

    Args:
        encoder_features: the frozen encoder also runs on the decoded audio.
        latent_noise: see `LossConfig`.
        voiced_share: in training, of the items that a source-filter decoder decodes with pulses in the recording's
            phase; with any their voiced part is in the output.
    """

    def __init__(
        self, model: WavCube, encoder_features: bool = False, latent_noise: float = 0.0, voiced_share: float = 0.0
    ) -> None:
        super().__init__()
        self.model, self.encoder_features = model, encoder_features
        self.latent_noise, self.voiced_share = latent_noise, voiced_share

    def train(self, mode: bool = True) -> "StageNetworks":
        super().train(mode)
        self.model.encoder.eval()
        if self.model.teacher is not None:
            self.model.teacher.eval()
        return self

    def forward(self, waveform: Tensor, lengths: Tensor | None, features: Tensor | None = None) -> Output:
        """Waveform [B, S] and valid samples [B] (None: all) to everything that the losses look at.

        `features` are stage 1's of the frozen encoder where they are known already.

        Returns:
            features [B, T, H] of the encoder and target [B, T, H] of the frozen one, restored [B, T, R], latent
            [B, T', C], latent_lengths [B], audio [B, S]; frames [B] where `lengths` are given, kl of variational kinds,
            decoded_features [B, T, H] of the frozen encoder on the decoded audio where they are asked for. With a
            source-filter decoder pitch and pitch_target [B, 2 T, 2], the latter of the frozen encoder, and, with
            `voiced_share`, in_phase [B], which items that is, and voiced [B, S], what becomes of the pulses alone.
        """
        model = self.model
        if model.teacher is None:
            if features is None:
                with torch.no_grad():
                    features, _ = model.encoder(waveform, lengths)
            target = features
        else:
            features, _ = model.encoder(waveform, lengths)
            with torch.no_grad():
                target, _ = model.teacher(waveform, lengths)
        # Where nothing is padding there are no frame numbers either, so that nobody has to look at them: on a GPU that
        # would mean to wait for it.
        config = model.config.encoder
        frames = None if lengths is None else config.frame_counts(lengths)
        assert frames is None or isinstance(frames, Tensor)
        code = model.compressor(features, frames)
        latent_lengths = None if frames is None else code.lengths
        assert model.restorer is not None
        restored = model.restorer(code.latent, latent_lengths)[:, : features.shape[1]]
        decoder_input = code.latent.detach() if model.teacher is None else code.latent
        if self.training and self.latent_noise:
            decoder_input = noisy(decoder_input, self.latent_noise, latent_lengths)
        output = {
            "features": features,
            "target": target,
            "restored": restored,
            "latent": code.latent,
            "latent_lengths": code.lengths,
        }
        if isinstance(model.decoder, SourceFilterDecoder):
            output |= self._decode(model.decoder, decoder_input, latent_lengths, waveform, target)
        else:
            output["audio"] = _with_length(model.decoder(decoder_input, latent_lengths), waveform.shape[1])
        if self.encoder_features:
            output["decoded_features"], _ = (model.teacher or model.encoder)(output["audio"].float(), lengths)
        if frames is not None:
            output["frames"] = frames
        if code.kl is not None:
            output["kl"] = code.kl
        return output

    def _decode(
        self,
        decoder: SourceFilterDecoder,
        latent: Tensor,
        lengths: Tensor | None,
        waveform: Tensor,
        features: Tensor,
    ) -> Output:
        """What a source-filter decoder makes of a latent [B, T, C]: audio [B, S], pitch, and the voiced part."""
        encoder = self.model.config.encoder
        first = 2 * encoder.mel_bins * encoder.mel_features
        target = features[..., first : first + 4].float().unflatten(2, (2, 2)).flatten(1, 2)
        pitch, filters = decoder.controls(latent, lengths)
        pulses, noise = decoder.sources(pitch, lengths)
        output = {"pitch": pitch, "pitch_target": target}
        if self.training and self.voiced_share:
            in_phase = torch.rand(len(latent), device=latent.device) < self.voiced_share
            found = recording_pulses(waveform, target, pulses.shape[1])
            if lengths is not None:
                found = zero_beyond(found, length_mask(320 * lengths, found.shape[1]))
            pulses = torch.where(in_phase[:, None], found, pulses)
            voiced = decoder.synthesize(filters, pulses, torch.zeros_like(noise), lengths)
            output |= {"in_phase": in_phase, "voiced": _with_length(voiced, waveform.shape[1])}
        audio = decoder.synthesize(filters, pulses, noise, lengths)
        return output | {"audio": _with_length(audio, waveform.shape[1])}


class Stage(CropObjective):
    """Either stage: which one it is shows in the model, stage 2's has a teacher.

    Args:
        config: of the run.
        model: in training form, what does not learn frozen (see init_from.py).
    """

    networks: StageNetworks

    def __init__(self, config: TrainConfig, model: WavCube) -> None:
        super().__init__()
        self.losses = config.losses
        self.adversarial = config.discriminator
        # The pulses pass no gradient on: without its loss such a decoder's pitch would stay where it is.
        with_pitch = isinstance(model.decoder, SourceFilterDecoder)
        if with_pitch and not (model.config.encoder.pitch_features and config.losses.pitch > 0):
            raise ConfigError(
                "a source-filter decoder learns its pitch from the encoder's: set encoder.pitch_features=true and "
                "losses.pitch above 0"
            )
        self.networks = StageNetworks(
            model,
            config.losses.encoder_feature > 0,
            config.losses.latent_noise,
            config.losses.voiced_share if config.losses.voiced else 0.0,
        )
        self.voiced = VoicedLoss()
        self.acoustic = AcousticLoss(config.losses)
        if config.losses.gan and (config.discriminator.periods or config.discriminator.windows):
            self.discriminator = Discriminators(config.discriminator)
        self.statistics: LatentStatistics | None = None  # measured before each checkpoint, where there is data
        self.measured_statistics: tuple[Tensor, Tensor] | None = None
        self.cache: FeatureCache | None = None
        if config.loader.feature_cache:
            if model.teacher is not None or config.hardware.strategy == "fsdp":
                raise ConfigError("loader.feature_cache is not for stage 2, and not for sharded networks (fsdp)")
            self.cache = FeatureCache(
                config.loader.feature_cache, model.encoder, lambda *crops: model.encoder(*crops)[0]
            )

    def inputs(self, batch: Batch) -> dict[str, Any]:
        inputs = super().inputs(batch)
        if self.cache is not None and self.networks.training:
            inputs["features"] = self.cache.features(inputs["waveform"], inputs["lengths"])
        return inputs

    def loss(self, batch: Batch, output: Output, discriminate: Discriminate | None) -> tuple[Tensor, Logs]:
        total, logs = self.acoustic(output["audio"], batch.waveform, discriminate)
        for name, (value, weight) in self._semantic(output).items():
            total = total + weight * value
            logs[name] = value.detach()
        if "voiced" in output:
            distances = self.voiced(output["voiced"].float(), batch.waveform) * output["in_phase"]
            distance = distances.sum() / output["in_phase"].sum().clamp_min(1)
            total = total + self.losses.voiced * distance
            logs["voiced"] = distance.detach()
        if "kl" in output:
            total = total + self.losses.kl * output["kl"]
            logs["kl"] = output["kl"].detach()
        return total, logs

    def discriminator_loss(self, batch: Batch, output: Output, discriminate: Discriminate) -> tuple[Tensor, Logs]:
        return self.acoustic.discriminator(output["audio"], batch.waveform, discriminate)

    def measure(self, batch: Batch, output: Output) -> Logs:
        semantic = {name: value for name, (value, _) in self._semantic(output).items()}
        return {"mel": self.acoustic.mel(output["audio"], batch.waveform), **semantic}

    def before_saving(self, networks: nn.Module) -> None:
        if self.statistics is not None:
            self.measured_statistics = self.statistics.measure(networks, self)

    def save(self, folder: Path, weights: dict[str, Tensor]) -> None:
        tensors = {name.removeprefix("model."): value for name, value in weights.items()}
        if self.measured_statistics is not None:
            tensors.update(zip(STATISTICS, self.measured_statistics, strict=True))
        write_checkpoint(folder, self.networks.model.config, tensors)

    def export(self, checkpoint: Path, folder: Path) -> None:
        model = WavCube.from_pretrained(checkpoint)
        model.teacher = None
        model.config = dataclasses.replace(model.config, teacher=False)
        model.save_pretrained(folder)

    def _semantic(self, output: Output) -> dict[str, tuple[Tensor, float]]:
        """The semantic losses and their weights."""
        mask = length_mask(output.get("frames"), output["target"].shape[1])
        last = output["target"][..., -output["restored"].shape[-1] :]  # all, or what a linear restorer restores
        terms = {"restored": (semantic_loss(output["restored"], last, mask), self.losses.restored)}
        if self.networks.model.teacher is not None:
            terms["student"] = (semantic_loss(output["features"], output["target"], mask), self.losses.student)
        if "pitch" in output:
            twice = None if mask is None else mask.repeat_interleave(2, dim=1)
            terms["pitch"] = (pitch_loss(output["pitch"], output["pitch_target"], twice), self.losses.pitch)
        if "decoded_features" in output:
            decoded = semantic_loss(output["decoded_features"], output["target"], mask)
            terms["encoder_feature"] = (decoded, self.losses.encoder_feature)
        return terms


def noisy(latent: Tensor, largest: float, lengths: Tensor | None = None) -> Tensor:
    """[B, T, C], half of the items with white noise; its standard deviation is drawn between 0 and `largest`.

    It is relative to that of each channel over the batch's valid frames (`lengths` [B], None: all), so that a latent
    which learns gains nothing by growing.
    """
    mask = length_mask(lengths, latent.shape[1])
    frames = latent.flatten(0, 1) if mask is None else latent[mask]
    drawn = torch.rand(2, len(latent), 1, 1, device=latent.device)
    std = largest * drawn[0] * (drawn[1] < 0.5) * frames.float().var(0, correction=0).clamp_min(1e-12).sqrt()
    return latent + std.to(latent.dtype) * torch.randn_like(latent)


def _with_length(audio: Tensor, samples: int) -> Tensor:
    """[B, S] cut, or followed by zeros: up to 399 samples at the end of a recording fill no frame."""
    return F.pad(audio, (0, max(0, samples - audio.shape[1])))[:, :samples]
