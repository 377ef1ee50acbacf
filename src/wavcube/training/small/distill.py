"""Distillation: a small speech encoder that predicts the features of a stronger one, the teacher.

    L(last head(student last), teacher last) + L(middle head(student middle), teacher middle) / 2
    + L(spectrum head(student last), log-mel) / 4

L = L1 + 1 - cosine similarity of standardised features, after DistilHuBERT (arXiv 2110.01900), which has the log of a
sigmoid around the cosine. The log-mel spectrum is there because a teacher that recognises words, such as Whisper,
forgets who speaks. The heads are linear and thrown away. The student is written as a WavLM that transformers
loads, and stage 1 starts from it.
"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from wavcube.audio.spectrogram import LogMel
from wavcube.codec import EncoderConfig, SpeechEncoder
from wavcube.codec.masking import length_mask
from wavcube.data.streaming import Batch
from wavcube.engine.trainable import DiscriminatorFn, Logs
from wavcube.errors import ConfigError
from wavcube.files import follow_umask
from wavcube.training.config import TrainConfig
from wavcube.training.crops import CropObjective, Output
from wavcube.training.init_from import load_encoder, model_config
from wavcube.training.small.distillation_heads import HEADS, WEIGHTS
from wavcube.training.small.feature_cache import FeatureCache
from wavcube.training.small.pca_codec import PCACodec, training_recordings
from wavcube.training.small.pca_init import freeze_encoder_code, pca_init_encoder
from wavcube.training.small.teachers import FIELD, HOP, Teacher, load_teacher

MEL_BINS = 80
QUIETEST = 1e-4
"""Mel magnitude of the noise of 16 bits, about; nobody has to learn what lies below."""


class DistillNetworks(nn.Module):
    """Student, heads, the teacher, and the running statistics that standardise what the teacher gives."""

    def __init__(self, student: SpeechEncoder, teacher: Teacher) -> None:
        super().__init__()
        self.student, self.teacher = student, teacher
        width = student.config.width
        # Between layers the student's states are not normalised; its last ones are.
        self.head_middle = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, teacher.width))
        self.head_last = nn.Linear(width, teacher.width)
        self.head_spectrum = nn.Linear(width, MEL_BINS)
        self.scale_middle, self.scale_last = (nn.BatchNorm1d(teacher.width, affine=False) for _ in range(2))
        self.scale_spectrum = nn.BatchNorm1d(MEL_BINS, affine=False)
        self.log_mel = LogMel(
            n_fft=FIELD, hop_length=HOP, bins=MEL_BINS, center=False, floor=QUIETEST
        )  # the encoder's frames

    def train(self, mode: bool = True) -> "DistillNetworks":
        super().train(mode)
        self.teacher.eval()
        return self

    def forward(self, waveform: Tensor, lengths: Tensor | None, teacher_features: Tensor | None = None) -> Output:
        """Waveform [B, S] and valid samples [B] (None: all) to estimates and targets [B, T, C], and frames [B].

        `teacher_features` [B, T, 2 C]: of `compute_teacher_features`, where they are known already.
        """
        states, frames = self.student.hidden_states(waveform, lengths)
        with torch.no_grad():
            middle, last = (
                self.compute_teacher_features(waveform) if teacher_features is None else teacher_features
            ).chunk(2, dim=-1)
            spectrum = self.log_mel(waveform.float()).transpose(1, 2)
        return {
            "middle": self.head_middle(states[len(states) // 2]),
            "middle_target": self._scaled(self.scale_middle, middle),
            "last": self.head_last(states[-1]),
            "last_target": self._scaled(self.scale_last, last),
            "spectrum": self.head_spectrum(states[-1]),
            "spectrum_target": self._scaled(self.scale_spectrum, spectrum),
            "frames": frames,
        }

    def compute_teacher_features(self, waveform: Tensor) -> Tensor:
        """Middle and last hidden state of the teacher side by side, [B, T, 2 C], of waveforms [B, S]."""
        return torch.cat(self.teacher(waveform), dim=-1)

    @staticmethod
    def _scaled(scale: nn.Module, values: Tensor) -> Tensor:
        values = scale(values.float().flatten(0, 1)).unflatten(0, values.shape[:2])
        return values.clamp(-8.0, 8.0)  # a few channels of Whisper have outliers that would drown the rest


class Distill(CropObjective):
    """`config.init_from` is "random" or an encoder to begin with, `config.teacher` the teacher."""

    networks: DistillNetworks

    def __init__(self, config: TrainConfig, checkpoint: Path | None) -> None:
        super().__init__()
        if not config.teacher:
            raise ConfigError("teacher is empty: name the encoder to learn from (--teacher)")
        if checkpoint is not None:
            student = SpeechEncoder.from_transformers(str(checkpoint))
        elif config.init_from == "random":
            student = SpeechEncoder(model_config(config.model).encoder)
            if config.model.pca_init:
                pca_init_encoder(student, PCACodec(training_recordings(config)), config.model.pca_init)
        else:
            student = load_encoder(config.init_from)
        if student.config.family != "wavlm" or not student.config.last_layer:
            raise ConfigError("model.encoder: a student is of the family wavlm and gives its last layer")
        if config.model.pca_init:
            freeze_encoder_code(student, config.model.pca_init)
        self.networks = DistillNetworks(student, load_teacher(config.teacher))
        if checkpoint is not None:
            self.networks.load_state_dict(load_file(checkpoint / HEADS), strict=False)
        self.cache: FeatureCache | None = None
        if config.loader.feature_cache:
            # The teacher sees the padding as well, which does not count: lengths are no matter to it.
            networks = self.networks
            self.cache = FeatureCache(
                config.loader.feature_cache,
                networks.teacher,
                lambda waveform, lengths: networks.compute_teacher_features(waveform),
            )

    def inputs(self, batch: Batch) -> dict[str, Any]:
        inputs = super().inputs(batch)
        if self.cache is not None and self.networks.training:
            inputs["teacher_features"] = self.cache.features(inputs["waveform"], None)
        return inputs

    def loss(self, batch: Batch, output: Output, discriminate: DiscriminatorFn | None) -> tuple[Tensor, Logs]:
        logs = self._distances(output)
        total = torch.stack([WEIGHTS[name] * value for name, value in logs.items()]).sum()
        return total, {name: value.detach() for name, value in logs.items()}

    def measure(self, batch: Batch, output: Output) -> Logs:
        return self._distances(output)

    def save(self, folder: Path, weights: dict[str, Tensor]) -> None:
        student = {name.removeprefix("student."): v for name, v in weights.items() if name.startswith("student.")}
        save_student(folder, self.networks.student.config, student)
        rest = {name: value for name, value in weights.items() if name.startswith(("head_", "scale_"))}
        save_file(rest, folder / HEADS)
        follow_umask(folder / HEADS)

    def export(self, checkpoint: Path, folder: Path) -> None:
        student = SpeechEncoder.from_transformers(str(checkpoint))
        save_student(folder, student.config, student.state_dict())

    @staticmethod
    def _distances(output: Output) -> Logs:
        mask = length_mask(output["frames"], output["last"].shape[1])
        return {name: feature_distance(output[name], output[f"{name}_target"], mask) for name in WEIGHTS}


def feature_distance(estimate: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
    """L1 + 1 - mean cosine similarity over the frames [B, T, C] where `mask` [B, T] is true (None: all)."""
    error = (estimate - target).abs().mean(-1)
    cosine = F.cosine_similarity(estimate.float(), target.float(), dim=-1)
    if mask is not None:
        error, cosine = error[mask], cosine[mask]
    return error.mean() + 1.0 - cosine.mean()


def save_student(folder: Path, config: EncoderConfig, weights: dict[str, Tensor]) -> None:
    """Write an encoder as a WavLM that transformers (and `SpeechEncoder.from_transformers`) loads."""
    from transformers import Wav2Vec2FeatureExtractor, WavLMConfig

    folder.mkdir(parents=True, exist_ok=True)
    Wav2Vec2FeatureExtractor(do_normalize=config.normalize_waveform).save_pretrained(folder)
    save_file(
        {name: value.detach().cpu().contiguous() for name, value in weights.items()}, folder / "model.safetensors"
    )
    follow_umask(folder / "model.safetensors")
    WavLMConfig(**_transformers_settings(config), architectures=["WavLMModel"]).save_pretrained(folder)


def _transformers_settings(config: EncoderConfig) -> dict[str, Any]:
    """The inverse of `EncoderConfig.from_transformers` for a WavLM."""
    return {
        "hidden_size": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "intermediate_size": config.feed_forward,
        "do_stable_layer_norm": config.pre_norm,
        "conv_dim": list(config.conv_channels),
        "conv_kernel": list(config.conv_kernels),
        "conv_stride": list(config.conv_strides),
        "conv_bias": config.conv_bias,
        "feat_extract_norm": config.conv_norm,
        "num_conv_pos_embeddings": config.position_kernel,
        "num_conv_pos_embedding_groups": config.position_groups,
        "num_buckets": config.relative_buckets,
        "max_bucket_distance": config.relative_max_distance,
        "layer_norm_eps": config.layer_norm_eps,
        "mask_time_prob": 0.0,  # with masking a WavLM has one tensor more, which no student here has learnt
        "hidden_dropout": config.hidden_dropout,
        "attention_dropout": config.attention_dropout,
        "activation_dropout": config.activation_dropout,
    }
