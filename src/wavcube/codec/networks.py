"""The networks of a WavCube and its tensor path: waveforms in, latents out, and back; what training and probes use.

`WavCube` (model.py) is these networks with the doors that users come through: files, checks, checkpoints.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, Self, SupportsIndex

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from wavcube.codec.bottleneck import SemanticCompressor, build_restorer
from wavcube.codec.chunking import Chunking, decode_in_chunks, encode_in_chunks
from wavcube.codec.config import WavCubeConfig
from wavcube.codec.decoder import AcousticDecoder
from wavcube.codec.encoder import SpeechEncoder
from wavcube.codec.fingerprint import LATENT_PARTS, LatentSpace, Names
from wavcube.codec.inference.evaluated import evaluated
from wavcube.codec.inference.parallel import cpu_workers
from wavcube.codec.masking import length_mask, zero_beyond
from wavcube.codec.source_filter.decoder import SourceFilterDecoder
from wavcube.errors import AudioError, CheckpointError, LatentsError, WavCubeError
from wavcube.framing import HOP_LENGTH, SAMPLE_RATE
from wavcube.hashing import fingerprint_tensors

Part = Literal["latents", "features"]
"""What becomes of a waveform: the compressor's latents, or the encoder's features before it."""

TensorPath = Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor]]
"""A padded batch and the valid lengths [B] of its items (None: all) to another batch and its lengths."""


class WavCubeNetworks(nn.Module):
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
        self._space: LatentSpace | None = None  # when `identity` was last asked for
        self._prepared: Names | None = None  # of weights that are laid out anew, or in graphs
        self.chunking = Chunking.default(config.encoder)
        self.optimized = False
        self.frame_step = 1
        self.backend = "torch"
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

    @property
    def device(self) -> torch.device:
        return self._weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self._weight.dtype

    @property
    def _weight(self) -> Tensor:
        """Any weight; exported graphs may keep all of theirs to themselves, and compute from float32 on the CPU."""
        return next(self.parameters(), torch.empty(0))

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
            waveform, lengths = self._checked_waveform(waveform, lengths)
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

        return self._long_apart(waveform, lengths, 1, together, in_chunks)

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

        return self._long_apart(values, lengths, self.hop_length, together, in_chunks)

    def _decoded_pieces(self, values: Tensor) -> Iterator[Tensor]:
        """As `decode_batch`, of one item [T, C]: its waveform [n], on the CPU, piece by piece; a short one is one."""
        if not self.chunking.applies(len(values) * self.hop_length / self.sample_rate):
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
        return _trimmed(code.latent, code.lengths, lengths)

    def _features(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        return _trimmed(*self._encoded(waveform, lengths))

    def _encoded(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """The encoder's features and frames, and `lengths` of what went in."""
        waveform, lengths = self._checked_waveform(waveform, lengths)
        shortest = self.config.encoder.receptive_field
        samples = waveform.shape[1]
        missing = -self.config.encoder.frames(samples) % self.frame_step
        if missing:
            lengths = waveform.new_full((len(waveform),), samples, dtype=torch.int64) if lengths is None else lengths
            whole = HOP_LENGTH * (self.config.encoder.frames(samples) + missing - 1) + shortest
            waveform = F.pad(waveform, (0, max(0, whole - samples)))
        features, frames = self.encoder(waveform, lengths)
        return features, frames, lengths

    def _checked_waveform(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        shortest = self.config.encoder.receptive_field
        if fault := _fault(waveform, lengths, 2, shortest):
            raise AudioError(f"a waveform is floats [batch, samples] of at least {shortest} samples; {fault}")
        return _cropped(waveform, lengths)

    def _waveform(self, values: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        values, lengths = self._checked_latents(values, lengths)
        waveform = self.decoder(values.to(self.dtype), lengths)
        counts = values.new_full((len(values),), values.shape[1], dtype=torch.int64) if lengths is None else lengths
        return waveform, counts * self.hop_length

    def _restored(self, values: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        assert self.restorer is not None
        values, lengths = self._checked_latents(values, lengths)
        features = self.restorer(values.to(self.dtype), lengths)
        counts = values.new_full((len(values),), values.shape[1], dtype=torch.int64) if lengths is None else lengths
        return _trimmed(features, counts * self.config.bottleneck.pooling, lengths)

    def _checked_latents(self, values: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        fault = _fault(values, lengths, 3, 1)
        if not fault and values.shape[2] != self.latent_dim:
            fault = f"these are {values.shape[2]} wide"
        if fault:
            raise LatentsError(f"latents of this model are floats [batch, frames, {self.latent_dim}]; {fault}")
        return _cropped(values, lengths)

    def _alone(self, path: TensorPath, batch: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Each item as if it were alone: in int8 it has to be, as activations have one scale a call."""
        if self.optimized and batch.requires_grad and torch.is_grad_enabled():
            raise WavCubeError(
                "a model that was prepared with optimize(), or exported, has no gradients; take the plain one"
            )
        with self._own_type():
            if self.precision != "int8" or len(batch) < 2:
                return path(batch, lengths)
            rows = batch.split(1)
            results = [
                path(row, n)
                for row, n in zip(rows, [None] * len(batch) if lengths is None else lengths.split(1), strict=True)
            ]
        values = pad_sequence([values[0] for values, _ in results], batch_first=True)
        return values, torch.cat([counts for _, counts in results])

    def _long_apart(
        self,
        batch: Tensor,
        lengths: Tensor,
        samples: int,
        together: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
        in_chunks: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Long items alone and in chunks, the rest together, without gradients.

        Args:
            batch: [B, N, ...] with `lengths` [B].
            samples: that one of N stands for.
            together: the result of a padded batch.
            in_chunks: the result [1, M, ...] of one item [N, ...].
        """
        counts = lengths.tolist()
        long = [i for i, count in enumerate(counts) if self.chunking.applies(count * samples / self.sample_rate)]
        with torch.no_grad(), self._own_type():
            if not long:
                return together(batch, lengths)
            items = {i: in_chunks(batch[i, : counts[i]])[0].to(self.device) for i in long}
            if short := [i for i in range(len(counts)) if i not in items]:
                most = max(counts[i] for i in short)
                values, made = together(batch[:, :most][short], lengths[short])
                items.update((i, item[:count]) for i, item, count in zip(short, values, made.tolist(), strict=True))
        ordered = [items[i] for i in range(len(counts))]
        return pad_sequence(ordered, batch_first=True), torch.tensor(
            [len(item) for item in ordered], device=self.device
        )

    def _own_type(self) -> AbstractContextManager[object]:
        """Autocast is for plain models in float32; others compute in their own type, whatever it asks for."""
        plain = self.dtype == torch.float32 and not self.optimized
        return nullcontext() if plain else torch.autocast(self.device.type, enabled=False)

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

    # Names

    @property
    def identity(self) -> str:
        """Names the latent space: equal for models whose latents mean the same.

        A function of every weight of the encoder and the compressor and of the settings that change latents. Found anew
        when they have changed in whatever way; half precision keeps the name.
        """
        if self._prepared is not None:
            return self._prepared.identity
        self._space = LatentSpace.of(self.encoder, self.compressor, self._space)
        return self._space.name

    def weights_fingerprint(self) -> str:
        """Names all weights and settings that results depend on, those of the decoder too."""
        if self._prepared is not None:
            return self._prepared.weights
        settings = {
            "encoder": self.encoder.config,
            "bottleneck": self.config.bottleneck,
            "decoder": self.config.decoder,
        }
        used = (*LATENT_PARTS, "decoder.")
        parts = {key: value for key, value in self.state_dict().items() if key.startswith(used)}
        return fingerprint_tensors(parts, repr(settings))

    def name_latents(self, name: str) -> None:
        """Let `identity` be `name` for as long as weights and settings stay what they are."""
        self._space = LatentSpace.of(self.encoder, self.compressor, name=name)

    def prepared_as(self, names: Names) -> None:
        """Mark the model as one whose weights are laid out anew, or in graphs, and can no longer be changed."""
        self._prepared, self.optimized = names, True

    @property
    def precision(self) -> str:
        """What is computed in: "float32", "bfloat16", "float16" or "int8"."""
        return str(self.dtype).removeprefix("torch.") if self._prepared is None else self._prepared.precision

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        if self.backend != "torch":
            raise WavCubeError("exported graphs cannot be copied or pickled; load their folder again where needed")
        return super().__reduce_ex__(protocol)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """`to`, `half` and their kin: the latent space keeps its name, and prepared weights stay as they are."""
        if self.device.type == "meta":
            return super()._apply(fn, recurse)
        before = torch.arange(4, dtype=self.dtype, device=self.device)
        after = fn(before)
        if self.optimized and (after.dtype, after.device) != (before.dtype, before.device):
            raise WavCubeError(
                f"a model that was prepared with optimize() stays in {self.dtype} on {self.device}; load it again, "
                "with the dtype or the device that you want"
            )
        converted = after.dtype != before.dtype and bool(torch.equal(after.to(before), before))
        name = self.identity if converted else None
        super()._apply(fn, recurse)
        if name is not None:
            self.name_latents(name)
        return self

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        self._require_plain()
        super()._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(self, *arguments: Any) -> None:
        self._require_plain()
        super()._load_from_state_dict(*arguments)

    def _require_plain(self) -> None:
        if self.optimized:
            raise CheckpointError(
                "a model that was prepared with optimize(), or exported, has no weights to save, to load or to train; "
                "take those of the plain model"
            )


def _fault(values: Tensor, lengths: Tensor | None, dimensions: int, shortest: int) -> str:
    """What is wrong with a padded batch [B, N, ...] and the valid lengths [B] of its items; "" if nothing is."""
    if values.dim() != dimensions or not values.is_floating_point() or not len(values):
        return f"this is {values.dtype} {list(values.shape)}"
    if lengths is None:
        return "" if values.shape[1] >= shortest else f"this is {list(values.shape)}"
    if lengths.shape != values.shape[:1] or lengths.is_floating_point():
        return f"lengths are one integer an item, not {lengths.dtype} {list(lengths.shape)}"
    least, most = torch.stack(lengths.aminmax()).tolist()
    return (
        "" if shortest <= least and most <= values.shape[1] else f"lengths are {least} to {most} of {values.shape[1]}"
    )


def _cropped(values: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """A batch [B, N, ...] as long as its longest item, with zeros beyond the ends of the others."""
    if lengths is None:
        return values, None
    lengths = lengths.to(values.device)
    values = values[:, : int(lengths.max())]
    return zero_beyond(values, length_mask(lengths, values.shape[1])), lengths


def _trimmed(values: Tensor, counts: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """Results [B, M, ...] cropped to `counts` [B]; where nothing was padded (`lengths` None) they are so already."""
    return (values, counts) if lengths is None else (_cropped(values, counts)[0], counts)
