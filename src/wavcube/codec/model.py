"""`WavCube`: speech -> features -> latent -> waveform. The class that users import."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from wavcube.codec.bottleneck import SemanticCompressor, SemanticRestorer
from wavcube.codec.chunking import Chunking, decode_in_chunks, encode_in_chunks
from wavcube.codec.config import SAMPLE_RATE, WavCubeConfig
from wavcube.codec.decoder import AcousticDecoder
from wavcube.codec.encoder import SpeechEncoder
from wavcube.codec.fingerprint import LATENT_PARTS, LatentSpace, Names
from wavcube.codec.inference.evaluated import evaluated
from wavcube.codec.inference.parallel import cpu_workers
from wavcube.codec.inputs import Speech, SpeechBatch, gather_speech
from wavcube.codec.precision import as_dtype
from wavcube.codec.source_filter import SourceFilterDecoder
from wavcube.errors import CheckpointError, LatentsError, WavCubeError
from wavcube.hashing import fingerprint_tensors
from wavcube.latents import Latents


class WavCube(nn.Module):
    """Encoder, compressor, acoustic decoder; in training form also restorer and teacher.

    `WavCube(config)` has random weights; `WavCube.from_pretrained` loads a checkpoint. `encode`, `decode` and their
    kin take what users have and never track gradients; training calls the parts themselves.

    Attributes:
        encoder: waveform [B, S] -> features [B, T, H].
        compressor: features -> latent [B, T', C].
        restorer: latent -> an estimate of the features, or None.
        decoder: latent -> waveform [B, T' * hop].
        teacher: the frozen copy of the encoder that anchors stage 2, or None.
        latent_mean, latent_std: [C] over training data, or None where not known.
        chunking: when and how long recordings are cut; change it or set `Chunking(above=None)`.
        optimized: whether `optimize` has prepared the model; it then can be neither trained nor saved.
        backend: the runtime that computes: "torch", "onnx" or "openvino".
    """

    latent_mean: Tensor | None
    latent_std: Tensor | None

    def __init__(self, config: WavCubeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = SpeechEncoder(config.encoder)
        self.compressor = SemanticCompressor(config.encoder, config.bottleneck)
        self.restorer = SemanticRestorer(config.encoder, config.bottleneck) if config.restorer else None
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
        self._frame_step = 1  # recordings are padded to a multiple of so many frames
        self.backend = "torch"
        self.eval()

    sample_rate = SAMPLE_RATE
    """Hz, of what goes in and comes out."""

    @property
    def hop_length(self) -> int:
        """Samples to a latent frame: 320 at 50 Hz."""
        return 320 * self.config.bottleneck.pooling

    @property
    def frame_rate(self) -> float:
        """Latent frames a second."""
        return float(self.config.bottleneck.frame_rate)

    @property
    def latent_dim(self) -> int:
        return self.config.bottleneck.latent_dim

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

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

    @property
    def workers(self) -> int:
        """Batches or chunks that are worth computing side by side: several where torch computes on a CPU."""
        return cpu_workers() if self.backend == "torch" and self.device.type == "cpu" else 1

    def expected_frames(self, n_samples: int) -> int:
        """Latent frames of a recording of `n_samples` samples at 16 kHz: floor((n - 400) / 320) + 1 at 50 Hz."""
        return -(-self.config.encoder.frames(n_samples) // self.config.bottleneck.pooling)

    def encode(
        self, speech: Speech, sample_rate: int | None = None, lengths: Tensor | Sequence[int] | None = None
    ) -> Latents:
        """Latents of one or several recordings, each as if it were alone.

        Args:
            speech: a path; an array or tensor [S] of any sample type; a padded batch [B, S] with `lengths`; other
                forms of a recording that `codec.inputs.Speech` lists; or a list of recordings of unequal lengths.
            sample_rate: of arrays and tensors, in Hz; any from 4,000 to 192,000.
            lengths: valid samples of a batch's rows.

        Returns:
            Latents with values [B, T, C], T = `expected_frames` of the longest, on the model's device.

        Raises:
            AudioError: what cannot be read or is no usable speech signal, by name.
        """
        pooling = self.config.bottleneck.pooling
        model = evaluated(self)
        return model._frames(speech, sample_rate, lengths, model._compress, pooling, self.identity)

    def features(
        self, speech: Speech, sample_rate: int | None = None, lengths: Tensor | Sequence[int] | None = None
    ) -> Latents:
        """The encoder's features [B, T, H] at 50 Hz, in the same form as `encode` gives latents."""
        return evaluated(self)._frames(speech, sample_rate, lengths, lambda features, _: features, 1, None)

    def restore(self, latents: Latents) -> Latents:
        """The restorer's estimate of the features [B, T, H] at 50 Hz from latents.

        Raises:
            WavCubeError: this checkpoint came without the restorer.
            LatentsError: the latents are not of this model.
        """
        if self.restorer is None:
            raise WavCubeError(
                "this model came without its restorer; convert the checkpoint with --keep-training-modules"
            )
        self._check(latents)
        restorer, items = evaluated(self.restorer), list[Tensor]()
        with self._inference():
            for group in self._batches(range(len(latents))):
                lengths = latents.lengths[group]
                values = latents.values[group][:, : int(lengths.max())]
                items += restorer(values.to(self.device, self.dtype), lengths.to(self.device))
        lengths = latents.lengths * self.config.bottleneck.pooling
        values = pad_sequence(items, batch_first=True)
        return Latents(values, lengths, 50.0, self.sample_rate, latents.samples, None, latents.metadata)

    def decode(self, latents: Latents | Tensor, samples: int | Sequence[int] | Tensor | None = None) -> Tensor:
        """Waveform [B, S] on the model's device, zeros beyond an item's end.

        Args:
            latents: what `encode` gave, or a tensor or array [B, T, C] or [T, C].
            samples: length of the result, of all items or of each; by default that of the encoded recordings where the
                latents know it, else `hop_length` for every frame. Frames give `hop_length` samples each; up to
                399 samples at a recording's end fill no frame and come back as zeros.

        Raises:
            LatentsError: latents of another width, rate or model, or none at all.
            WavCubeError: the waveform has NaN or infinite values, as float16 may give.
        """
        if not isinstance(latents, Latents):
            latents = self._as_latents(latents)
        self._check(latents)
        sizes = self._decoded_sizes(latents, samples)
        items: dict[int, Tensor] = {}
        decoder = evaluated(self.decoder)
        with self._inference():
            whole = [i for i in range(len(latents)) if not self._is_long(int(latents.lengths[i]) * self.hop_length)]
            for group in self._batches(whole):
                lengths = latents.lengths[group]
                values = latents.values[group][:, : int(lengths.max())]
                decoded = decoder(values.to(self.device, self.dtype), lengths.to(self.device))
                items.update(zip(group, decoded, strict=True))
            for i in set(range(len(latents))) - set(whole):
                values = latents.item(i).values.to(self.dtype)
                waveform = decode_in_chunks(decoder, values, self.chunking, self.device, self.workers)
                items[i] = waveform[0].to(self.device)
        waveforms = [items[i][: min(sizes[i], int(latents.lengths[i]) * self.hop_length)] for i in range(len(latents))]
        self._require_finite(waveforms, "decoding", [entry.get("name", "") for entry in latents.metadata])
        padded = pad_sequence(waveforms, batch_first=True)
        return nn.functional.pad(padded, (0, max(sizes) - padded.shape[1]))

    def reconstruct(
        self, speech: Speech, sample_rate: int | None = None, lengths: Tensor | Sequence[int] | None = None
    ) -> Tensor | list[Tensor]:
        """Encode and decode: exactly as many samples at 16 kHz as the recording has.

        Returns:
            A list of waveforms [S] for a list; else a waveform [B, S], zeros beyond an item's end.
        """
        latents = self.encode(speech, sample_rate, lengths)
        waveform = self.decode(latents)
        if isinstance(speech, list | tuple) and len(latents) == len(speech) and latents.samples is not None:
            return [item[: int(count)] for item, count in zip(waveform, latents.samples, strict=True)]
        return waveform

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path | None = None,
        *,
        device: str | torch.device | None = None,
        dtype: torch.dtype | str | None = None,
        backend: str | None = None,
    ) -> Self:
        """Load a checkpoint: a folder, a hub id such as "owner/name" (which downloads it), or the packaged model.

        A folder that `wavcube export` has written gives the same interface over its graphs.

        Args:
            name: by default the packaged model.
            device: where to compute; by default the CPU.
            dtype: of weights and computation, as a type of torch or its name ("bfloat16"); by default float32.
            backend: what computes. By default what the folder is for, with a checkpoint plain torch. "onnx" or
                "openvino" (CPU only) export a checkpoint once, keep the graphs beside it (or in the user's cache) and
                log a warning that says so. "auto" prepares a checkpoint by `optimize`, which is about as fast
                (docs/performance.md) and needs no export; an exported folder it takes as it is.

        Raises:
            CheckpointError: missing, half-written, or tensors missing, unexpected or of another size, by name.
            ConfigError: its config.json has an unknown key or an impossible value; or a backend that does not exist,
                or does not fit the folder, the device or the type.
            MissingDependencyError: the packages of the backend are not installed.
        """
        dtype = as_dtype(dtype)
        if backend is not None:
            from wavcube.codec.inference.load import load_for

            return load_for(cls, name, backend, device=device, dtype=dtype)
        from wavcube.codec.checkpoint.folder import load

        return load(cls, name, device=device, dtype=dtype)

    def save_pretrained(
        self, folder: str | Path, *, dtype: torch.dtype | str | None = None, max_shard_size: str = "5GB"
    ) -> None:
        """Write config.json and model.safetensors (in shards above `max_shard_size`) that `from_pretrained` loads.

        `dtype` is that of the file; the model stays as it is.
        """
        from wavcube.codec.checkpoint.folder import save

        save(self, folder, dtype=as_dtype(dtype), max_shard_size=max_shard_size)

    def optimize(self, dtype: torch.dtype | str = torch.float32) -> Self:
        """Prepare the model for fast inference, in place; it can no longer be trained or saved.

        On a CPU weights are laid out anew (see `fast`), and recordings above 30 s go through in chunks of 20 s with 2 s
        of context, unless `chunking` has been set (docs/architecture.md says what that changes); elsewhere weights are
        cast to `dtype`.

        Args:
            dtype: float32 (the plain model's numbers within 1e-5 relative L2), bfloat16 (within about 2e-2), or int8
                (weights and dynamic activations of the linear layers; CPU only; within about 6e-2). See
                docs/performance.md for what each costs.

        Raises:
            ConfigError: another type.
        """
        from wavcube.codec.inference.optimize import optimize

        optimize(self, as_dtype(dtype) or torch.float32)
        return self

    def copy_layers_from_encoder(self) -> None:
        """Start the compressor's and the restorer's layers as copies of the encoder's first ones (stage 1)."""
        first = self.encoder.encoder.layers
        for part in (self.compressor, self.restorer):
            if part is not None:
                for copy, layer in zip(part.layers, first, strict=False):
                    copy.load_state_dict(layer.state_dict())

    def _frames(
        self,
        speech: Speech,
        sample_rate: int | None,
        lengths: Tensor | Sequence[int] | None,
        finish: Callable[[Tensor, Tensor | None], Tensor],
        pooling: int,
        identity: str | None,
    ) -> Latents:
        """What `finish` makes of the features, for a batch: long recordings alone and in chunks, the rest together."""
        batch = gather_speech(
            speech,
            sample_rate,
            lengths,
            target_rate=self.sample_rate,
            shortest=self.config.encoder.receptive_field,
            keeps_level=not self.config.encoder.normalize_waveform,
        )
        items: dict[int, Tensor] = {}
        with self._inference():
            whole = [i for i, length in enumerate(batch.lengths.tolist()) if not self._is_long(length)]
            for group in self._batches(whole):
                waveform = self._rounded(batch.waveform[group][:, : int(batch.lengths[group].max())])
                features, frames = self.encoder(waveform.to(self.device), batch.lengths[group].to(self.device))
                items.update(zip(group, finish(features, frames), strict=True))
            for i in set(range(len(batch.lengths))) - set(whole):
                waveform = batch.waveform[i, : batch.lengths[i]]
                values = encode_in_chunks(
                    self.encoder,
                    waveform,
                    self.chunking,
                    lambda features: finish(features, None),
                    pooling,
                    self.device,
                    self.workers,
                )
                items[i] = values[0].to(self.device)
        return self._collect(batch, items, pooling, identity)

    def _batches(self, items: Sequence[int]) -> list[list[int]]:
        """Items that are computed together: all, but each alone in int8, as activations have one scale a call."""
        if self.precision == "int8":
            return [[item] for item in items]
        return [list(items)] if items else []

    def _require_finite(self, values: Sequence[Tensor], deed: str, names: Sequence[str]) -> None:
        """Refuse results with NaN or infinite values: a range too small for these weights, and never a result."""
        bad = [name or f"item {i}" for i, name in enumerate(names) if not bool(torch.isfinite(values[i]).all())]
        if bad:
            advice = "; use float32 or bfloat16" if self.dtype == torch.float16 else ""
            more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            raise WavCubeError(f"{bad[0]}{more}: {deed} in {self.dtype} gave NaN or infinite values{advice}")

    def _collect(self, batch: SpeechBatch, items: dict[int, Tensor], pooling: int, identity: str | None) -> Latents:
        frames = [-(-self.config.encoder.frames(length) // pooling) for length in batch.lengths.tolist()]
        values = [items[i][:count] for i, count in enumerate(frames)]
        self._require_finite(values, "encoding", batch.names)
        return Latents(
            pad_sequence(values, batch_first=True),
            torch.tensor(frames, device=self.device),
            50.0 / pooling,
            self.sample_rate,
            batch.lengths.to(self.device),
            identity,
            [{"name": name} for name in batch.names],
        )

    def _rounded(self, waveform: Tensor) -> Tensor:
        """[B, S] padded to whole steps of frames, where the prepared model wants that."""
        config = self.encoder.config
        frames = config.frames(waveform.shape[1])
        sizes = (frames + -frames % self._frame_step - 1) * 320 + config.receptive_field
        return nn.functional.pad(waveform, (0, max(0, sizes - waveform.shape[1])))

    def _compress(self, features: Tensor, frames: Tensor | None) -> Tensor:
        return self.compressor(features, frames).latent

    def _is_long(self, samples: int) -> bool:
        return self.chunking.applies(samples / self.sample_rate)

    def _as_latents(self, array: Any) -> Latents:
        try:
            values = torch.as_tensor(array)
        except (TypeError, ValueError, RuntimeError) as error:
            raise LatentsError(
                f"{type(array).__name__} is neither latents nor an array of them; read a file with Latents.load"
            ) from error
        if values.dim() == 2:
            values = values[None]
        if values.dim() != 3:
            raise LatentsError(f"latents are [batch, frames, channels], not {list(values.shape)}")
        return Latents(values, torch.full((len(values),), values.shape[1]), self.frame_rate, self.sample_rate)

    def _check(self, latents: Latents) -> None:
        width = latents.values.shape[2]
        if width != self.latent_dim:
            raise LatentsError(f"latents are {width} wide, this model's {self.latent_dim}: they are of another model")
        if latents.frame_rate != self.frame_rate:
            raise LatentsError(f"latents have {latents.frame_rate:g} frames a second, this model {self.frame_rate:g}")
        if latents.sample_rate != self.sample_rate:
            raise LatentsError(
                f"latents are of speech at {latents.sample_rate} Hz, this model's at {self.sample_rate} Hz: they are "
                f"of another model, or damaged"
            )
        if latents.model_id is not None and latents.model_id != self.identity:
            raise LatentsError(
                f"latents were made by another model ({latents.model_id}, this one is {self.identity}); decode them "
                f"with that one, or set their `model_id` to None if you know that they fit"
            )
        if len(latents) == 0 or int(latents.lengths.min()) == 0:
            raise LatentsError("latents without frames cannot be decoded")

    def _decoded_sizes(self, latents: Latents, samples: int | Sequence[int] | Tensor | None) -> list[int]:
        if samples is None:
            counts = latents.lengths * self.hop_length if latents.samples is None else latents.samples
            most = latents.lengths * self.hop_length + self.config.encoder.receptive_field
            for count, frames, limit in zip(counts.tolist(), latents.lengths.tolist(), most.tolist(), strict=True):
                if count >= limit:
                    raise LatentsError(f"{frames} frames are fewer than {count} samples of speech give")
            return counts.tolist()
        sizes = np.asarray(samples.cpu() if isinstance(samples, Tensor) else samples)
        one_or_each = sizes.shape in ((), (len(latents),))
        if sizes.dtype.kind not in "iu" or not one_or_each or sizes.min() < 1:
            raise LatentsError(
                f"samples must be whole positive numbers, one or one for each of {len(latents)} items, not {samples}"
            )
        return np.broadcast_to(sizes, len(latents)).tolist()

    @contextmanager
    def _inference(self) -> Iterator[None]:
        """No gradients; and a prepared model computes in its own type, whatever autocast asks for."""
        enabled = torch.is_autocast_enabled(self.device.type) and not self.optimized
        dtype = torch.get_autocast_dtype(self.device.type)
        with torch.no_grad(), torch.autocast(self.device.type, dtype, enabled=enabled):
            yield

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
