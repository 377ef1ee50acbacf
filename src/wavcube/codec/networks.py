"""The networks of a WavCube and its tensor path: waveforms in, latents out, and back; what training and probes use.

`WavCube` (model.py) is these networks with the doors that users come through: files, checks, checkpoints.
"""

from collections.abc import Iterator
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from wavcube.codec.bottleneck import SemanticCompressor, build_restorer
from wavcube.codec.chunking import Chunking, decode_in_chunks, encode_in_chunks
from wavcube.codec.config import WavCubeConfig
from wavcube.codec.decoder import AcousticDecoder
from wavcube.codec.encoder import SpeechEncoder
from wavcube.codec.inference.evaluated import evaluated
from wavcube.codec.inference.long_apart import long_apart
from wavcube.codec.inference.parallel import cpu_workers
from wavcube.codec.padded_batch import TensorPath, checked_latents, checked_waveforms, counts_of, one_by_one, trimmed
from wavcube.codec.preparable import PreparableNetworks
from wavcube.codec.source_filter.decoder import SourceFilterDecoder
from wavcube.errors import WavCubeError
from wavcube.framing import HOP_LENGTH, SAMPLE_RATE

Part = Literal["latents", "features"]
"""What becomes of a waveform: the compressor's latents, or the encoder's features before it."""


class WavCubeNetworks(PreparableNetworks):
    """Encoder, compressor, acoustic decoder; in training form also restorer and teacher.

    `forward` and `synthesize` are the tensor path: gradients are tracked as in any module, and the parts are in the
    mode that the caller has set. `encode_batch`, `decode_batch` and `restore_batch` compute the same in evaluation
    mode, without gradients, and cut long recordings so that memory stays constant.

    Attributes:
        encoder: waveform [B, S] -> features [B, T, H].
        compressor: features -> latent [B, T', C].
        restorer: latent -> an estimate of the features (a linear one: of their last layer), or None.
        decoder: latent -> waveform [B, T' * hop_length].
        teacher: the frozen copy of the encoder that anchors stage 2, or None.
        latent_mean, latent_std: [C] over training data, or None where not known.
        chunking: when and how long recordings are cut; change it or set `Chunking(above=None)`.
        optimized: whether `optimize` has prepared the model; it then can be neither trained nor saved.
        backend: the runtime that computes: "torch", "onnx" or "openvino".
        frame_step: recordings are padded to a multiple of so many frames; prepared attention is faster for it.
    """

    latent_mean: Tensor | None
    latent_std: Tensor | None

    def __init__(self, config: WavCubeConfig) -> None:
        super().__init__()
        self.config = config
        self._build(config)

    def _build(self, config: WavCubeConfig) -> None:
        """The parts, with random weights, and the state beside them; for classes with another constructor."""
        self.encoder = SpeechEncoder(config.encoder)
        self.compressor = SemanticCompressor(config.encoder, config.bottleneck)
        self.restorer = build_restorer(config.encoder, config.bottleneck) if config.restorer else None
        self.decoder: AcousticDecoder | SourceFilterDecoder = (
            SourceFilterDecoder(config.bottleneck, config.decoder.source_filter)
            if config.decoder.architecture == "source-filter"
            else AcousticDecoder(config.bottleneck, config.decoder)
        )
        self.teacher = SpeechEncoder(config.encoder).requires_grad_(False) if config.teacher else None
        self.register_buffer("latent_mean", None)
        self.register_buffer("latent_std", None)
        self.chunking = Chunking.default(config.encoder)
        self.frame_step = 1
        self.eval()

    sample_rate = SAMPLE_RATE
    """Hz, of what goes in and comes out."""

    @property
    def hop_length(self) -> int:
        """Samples to a latent frame: 320 at 50 Hz."""
        return HOP_LENGTH * self.config.bottleneck.pooling

    @property
    def frame_rate(self) -> float:
        """Latent frames a second."""
        return float(self.config.bottleneck.frame_rate)

    @property
    def latent_dim(self) -> int:
        return self.config.bottleneck.latent_dim

    def expected_frames(self, n_samples: int) -> int:
        """Latent frames of a recording of `n_samples` samples at 16 kHz: floor((n - 400) / 320) + 1 at 50 Hz."""
        return -(-self.config.encoder.frames(n_samples) // self.config.bottleneck.pooling)

    # The tensor path

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Latents of a padded batch, every item as if it were alone; gradients reach the waveform and the weights.

        Args:
            waveform: [B, S] at 16 kHz, full scale [-1, 1], on the model's device.
            lengths: [B], valid samples, at least 400 each; None when all are. What lies beyond has no influence.

        Returns:
            Values [B, T, C], zeros beyond an item's end, and valid frames [B]; T is that of the longest item.

        Raises:
            AudioError: the shape, the type or the lengths are not those of such a batch.
            WavCubeError: a gradient is asked of a model that was prepared with `optimize`, or exported.
        """
        return self._alone(self._latents, waveform, lengths)

    def synthesize(self, values: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Waveforms of a padded batch of latents: the twin of `forward`.

        Args:
            values: [B, T, C] on the model's device.
            lengths: [B], valid frames, at least one each; None when all are.

        Returns:
            Waveform [B, T * hop_length], zeros beyond an item's end, and valid samples [B].

        Raises:
            LatentsError: the shape, the type or the lengths are not those of such a batch.
            WavCubeError: as `forward`.
        """
        return self._alone(self._waveform, values, lengths)

    def latents_and_states(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, list[Tensor], Tensor]:
        """As `forward`, with the encoder's hidden states [B, T, width] at 50 Hz between values and frame counts.

        Beyond an item's end all of them are meaningless.
        """
        with self._own_type():
            waveform, lengths = checked_waveforms(waveform, lengths, self.config.encoder.receptive_field)
            features, states, frames = self.encoder.with_hidden_states(waveform, lengths)
            code = self.compressor(features, None if lengths is None else frames)
        return code.latent, states, code.lengths

    def encode_batch(self, waveform: Tensor, lengths: Tensor, part: Part = "latents") -> tuple[Tensor, Tensor]:
        """As `forward`, for inference, and long recordings in chunks; also the encoder's features [B, T, H] at 50 Hz.

        The waveform may be on any device; the result is on the model's.
        """
        model, latents = evaluated(self), part == "latents"
        pooling = self.config.bottleneck.pooling if latents else 1

        def together(waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
            path = model._latents if latents else model._features
            return model._alone(path, waveform.to(self.device), lengths)

        def finish(features: Tensor) -> Tensor:
            return model.compressor(features).latent if latents else features

        def in_chunks(waveform: Tensor) -> Tensor:
            return encode_in_chunks(
                model.encoder, waveform, self.chunking, finish, pooling, self.device, self.workers
            )  # fmt: skip

        with torch.no_grad(), self._own_type():
            return long_apart(waveform, lengths, self._is_long, together, in_chunks, self.device)

    def decode_batch(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """As `synthesize`, for inference, and long recordings in chunks.

        The latents may be on any device and of any floating type; the result is on the model's.
        """
        model = evaluated(self)

        def together(values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
            return model._alone(model._waveform, values.to(self.device), lengths)

        def in_chunks(values: Tensor) -> Tensor:
            values = values[None].to(self.dtype)
            return torch.cat(
                list(decode_in_chunks(model.decoder, values, self.chunking, self.device, self.workers)), dim=1
            )

        def is_long(frames: int) -> bool:
            return self._is_long(frames * self.hop_length)

        with torch.no_grad(), self._own_type():
            return long_apart(values, lengths, is_long, together, in_chunks, self.device)

    def _decoded_pieces(self, values: Tensor) -> Iterator[Tensor]:
        """As `decode_batch`, of one item [T, C]: its waveform [n], on the CPU, piece by piece; a short one is one."""
        if not self._is_long(len(values) * self.hop_length):
            yield self.decode_batch(values[None], torch.tensor([len(values)]))[0][0].cpu()
            return
        decoder, values = evaluated(self).decoder, values[None].to(self.dtype)
        pieces = decode_in_chunks(decoder, values, self.chunking, self.device, self.workers)
        while True:
            with torch.no_grad(), self._own_type():  # not around `yield`: both are states of the thread
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece[0]

    def restore_batch(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The restorer's estimate of the features [B, T, H] at 50 Hz from latents, and valid frames [B]; for inference.

        Raises:
            WavCubeError: this checkpoint came without the restorer.
        """
        if self.restorer is None:
            raise WavCubeError(
                "this model came without its restorer; convert the checkpoint with --keep-training-modules"
            )
        with torch.no_grad():
            model = evaluated(self)
            return model._alone(model._restored, values.to(self.device), lengths)

    def _latents(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        features, frames, lengths = self._encoded(waveform, lengths)
        code = self.compressor(features, None if lengths is None else frames)
        return trimmed(code.latent, code.lengths, lengths)

    def _features(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        return trimmed(*self._encoded(waveform, lengths))

    def _encoded(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """The encoder's features and frames, and `lengths` of what went in."""
        shortest = self.config.encoder.receptive_field
        waveform, lengths = checked_waveforms(waveform, lengths, shortest)
        samples = waveform.shape[1]
        missing = -self.config.encoder.frames(samples) % self.frame_step
        if missing:
            lengths = counts_of(waveform, lengths)
            whole = HOP_LENGTH * (self.config.encoder.frames(samples) + missing - 1) + shortest
            waveform = F.pad(waveform, (0, max(0, whole - samples)))
        features, frames = self.encoder(waveform, lengths)
        return features, frames, lengths

    def _waveform(self, values: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        values, lengths = checked_latents(values, lengths, self.latent_dim)
        waveform = self.decoder(values.to(self.dtype), lengths)
        return waveform, counts_of(values, lengths) * self.hop_length

    def _restored(self, values: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        assert self.restorer is not None
        values, lengths = checked_latents(values, lengths, self.latent_dim)
        features = self.restorer(values.to(self.dtype), lengths)
        return trimmed(features, counts_of(values, lengths) * self.config.bottleneck.pooling, lengths)

    def _alone(self, path: TensorPath, batch: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Each item as if it were alone: in int8 it has to be, as activations have one scale a call."""
        if self.optimized and batch.requires_grad and torch.is_grad_enabled():
            raise WavCubeError(
                "a model that was prepared with optimize(), or exported, has no gradients; take the plain one"
            )
        with self._own_type():
            apart = self.precision == "int8" and len(batch) > 1
            return one_by_one(path, batch, lengths) if apart else path(batch, lengths)

    def _is_long(self, samples: int) -> bool:
        return self.chunking.applies(samples / self.sample_rate)

    @property
    def workers(self) -> int:
        """Batches or chunks that are worth computing side by side: several where torch computes on a CPU."""
        return cpu_workers() if self.backend == "torch" and self.device.type == "cpu" else 1

    def copy_layers_from_encoder(self) -> None:
        """Start the compressor's and the restorer's layers as copies of the encoder's first ones (stage 1)."""
        first = self.encoder.encoder.layers
        for part in (self.compressor, self.restorer):
            if part is not None:
                for copy, layer in zip(part.layers, first, strict=False):
                    copy.load_state_dict(layer.state_dict())
