"""`WavCube`: speech -> features -> latent -> waveform. The class that users import."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wavcube.codec.blocks.masking import length_mask, zero_beyond
from wavcube.codec.blocks.precision import as_dtype
from wavcube.codec.checkpoint.folder import save
from wavcube.codec.checkpoint.hub import HubSource
from wavcube.codec.checkpoint.model_card import CardFacts
from wavcube.codec.checkpoint.push import push
from wavcube.codec.inference.choice import choose
from wavcube.codec.inference.load import load
from wavcube.codec.inference.optimize import optimize
from wavcube.codec.inputs import Speech, gather_speech
from wavcube.codec.networks import Part, WavCubeNetworks
from wavcube.errors import LatentsError, WavCubeError
from wavcube.latents import Latents


class WavCube(WavCubeNetworks):
    """A model and the doors that users come through.

    `WavCube(config)` has random weights; `WavCube.from_pretrained` loads a checkpoint. `encode`, `decode` and their
    kin take what users have and never track gradients. `model(waveform, lengths)` and `model.synthesize` take tensors
    and track them as any module does. The parts and settings are those of `WavCubeNetworks`.
    """

    def encode(
        self,
        speech: Speech,
        sample_rate: int | None = None,
        lengths: Tensor | Sequence[int] | None = None,
        *,
        names: Sequence[str] | None = None,
    ) -> Latents:
        """Latents of one or several recordings, each as if it were alone.

        Args:
            speech: a path; an array or tensor [S] of any sample type; a padded batch [B, S] with `lengths`; other
                forms of a recording that `codec.inputs.Speech` lists; or a list of recordings of unequal lengths.
            sample_rate: of arrays and tensors, in Hz; any from 4,000 to 192,000.
            lengths: valid samples of a batch's rows.
            names: one an item, for the latents' metadata and for errors; by default a path, or the item's number.

        Returns:
            Latents with values [B, T, C], T = `expected_frames` of the longest, on the model's device.

        Raises:
            AudioError: what cannot be read or is no usable speech signal, by name.
        """
        return self._encode(speech, sample_rate, lengths, names, "latents")

    def features(
        self, speech: Speech, sample_rate: int | None = None, lengths: Tensor | Sequence[int] | None = None
    ) -> Latents:
        """The encoder's features [B, T, H] at 50 Hz, in the same form as `encode` gives latents."""
        return self._encode(speech, sample_rate, lengths, None, "features")

    def restore(self, latents: Latents) -> Latents:
        """The restorer's estimate of the features [B, T, H] at 50 Hz from latents; a linear one's of their last layer.

        Raises:
            WavCubeError: this checkpoint came without the restorer.
            LatentsError: the latents are not of this model.
        """
        if self.restorer is not None:
            self._check(latents)
        values, lengths = self.restore_batch(latents.values, latents.lengths)
        return Latents(values, lengths, 50.0, self.sample_rate, latents.samples, None, latents.metadata)

    def decode(self, latents: Latents | Tensor, samples: int | Sequence[int] | Tensor | None = None) -> Tensor:
        """Waveform [B, S] on the model's device, zeros beyond an item's end.

        Args:
            latents: what `encode` gave, or a tensor or array [B, T, C] or [T, C].
            samples: length of the result, of all items or of each; by default that of the encoded recordings where the
                latents know it, else `hop_length` for every frame. Frames give `hop_length` samples each; up to
                399 samples at a recording's end fill no frame and come back as zeros.

        Raises:
            LatentsError: latents of another width, rate or model, none at all, or more samples than fit into memory.
            WavCubeError: the waveform has NaN or infinite values, as float16 may give.
        """
        if not isinstance(latents, Latents):
            latents = self._as_latents(latents)
        self._check(latents)
        sizes = self._decoded_sizes(latents, samples)
        waveform, _ = self.decode_batch(latents.values, latents.lengths)
        kept = torch.tensor(sizes, device=self.device)
        waveform = zero_beyond(waveform, length_mask(kept, waveform.shape[1]))[:, : max(sizes)]
        self._require_finite(waveform, "decoding", [entry.get("name", "") for entry in latents.metadata])
        try:
            return F.pad(waveform, (0, max(sizes) - waveform.shape[1]))
        except (RuntimeError, MemoryError) as error:
            needed = 4e-9 * len(waveform) * max(sizes)
            raise LatentsError(f"{max(sizes)} samples an item do not fit into memory ({needed:.1f} GB)") from error

    def decode_pieces(self, values: Tensor) -> Iterator[Tensor]:
        """What `decode` makes of one recording's latents [T, C], piece by piece, in the memory of a piece.

        Gives waveforms [n] on the CPU, one behind the other, `hop_length` samples for every frame.

        Raises:
            LatentsError, WavCubeError: see `decode`.
        """
        self._check(self._as_latents(values))
        for piece in self._decoded_pieces(values):
            self._require_finite(piece[None], "decoding", [""])
            yield piece

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
        revision: str | None = None,
        subfolder: str = "",
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        token: str | bool | None = None,
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
            revision: of a hub's model: branch, tag or commit.
            subfolder: where the model lies in its repository or folder.
            cache_dir: where what the hub gives is kept; by default its own cache ($HF_HOME moves it).
            local_files_only: take what is in the cache; $HF_HUB_OFFLINE says the same for every model.
            token: of the user on the hub; by default the one of `hf auth login`.

        Raises:
            CheckpointError: missing, half-written, or not given by the hub; or tensors missing, unexpected or of
                another size, by name.
            ConfigError: its config.json has an unknown key or an impossible value; or a backend that does not exist,
                or does not fit the folder, the device or the type.
            MissingDependencyError: the packages of the backend are not installed.
        """
        source = HubSource(revision, subfolder, cache_dir, local_files_only, token)
        return load(cls, name, backend, device=device, dtype=as_dtype(dtype), source=source)

    def save_pretrained(
        self, folder: str | Path, *, dtype: torch.dtype | str | None = None, max_shard_size: str = "5GB"
    ) -> None:
        """Write config.json and model.safetensors (in shards above `max_shard_size`) that `from_pretrained` loads.

        `dtype` is that of the file; the model stays as it is.
        """
        save(self, folder, dtype=as_dtype(dtype), max_shard_size=max_shard_size)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        card: CardFacts | str | Path,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        commit_message: str | None = None,
        create_pr: bool = False,
        dtype: torch.dtype | str | None = None,
    ) -> str:
        """Upload the model to the Hugging Face hub in one commit, for this package and for transformers.

        Args:
            repo_id: "owner/name"; the repository is made if it is not there.
            card: what the model card says beside what the model itself says, or the path of one that is written.
            private: whether a repository that is made is private.
            token: of the user; by default the one of `hf auth login`.
            revision: branch, made if it is not there; by default the main one.
            commit_message: of the commit.
            create_pr: propose the commit as a pull request instead.
            dtype: of the weights in the file.

        Returns:
            The address of the commit or of the pull request.

        Raises:
            CheckpointError: the hub refuses or cannot be reached, or the card is incomplete.
        """
        options = {"private": private, "token": token, "revision": revision, "commit_message": commit_message}
        with tempfile.TemporaryDirectory(prefix="wavcube-push-") as folder:
            self.save_pretrained(folder, dtype=dtype)
            return push(Path(folder), repo_id, card, create_pr=create_pr, **options)

    def optimize(self, dtype: torch.dtype | str = torch.float32) -> Self:
        """Prepare the model for fast inference, in place; it can no longer be trained or saved.

        On a CPU weights are laid out anew (see `fast`), and recordings above 30 s go through in chunks of 20 s with 2 s
        of context, unless `chunking` has been set (docs/architecture.md says what that changes); elsewhere weights are
        cast to `dtype`.

        Args:
            dtype: float32 (the plain model's numbers within 1e-5 relative L2), bfloat16 (within about 2e-2), or int8
                (weights and dynamic activations of the linear layers; CPU only; within about 6e-2). See
                docs/performance.md for what each costs. "auto" is bfloat16 where the processor multiplies in it, and
                else float32; it also lowers torch's number of threads to the cores that this process may use.
                `wavcube info --env` says what it is here, and why.

        Raises:
            ConfigError: another type.
        """
        if dtype == "auto":
            choice = choose(self.device)
            optimize(self, choice.dtype)
            torch.set_num_threads(choice.threads)
        else:
            optimize(self, as_dtype(dtype) or torch.float32)
        return self

    def _encode(
        self,
        speech: Speech,
        sample_rate: int | None,
        lengths: Tensor | Sequence[int] | None,
        names: Sequence[str] | None,
        part: Part,
    ) -> Latents:
        batch = gather_speech(
            speech,
            sample_rate,
            lengths,
            names,
            target_rate=self.sample_rate,
            shortest=self.config.encoder.receptive_field,
            keeps_level=not self.config.encoder.normalize_waveform,
        )
        values, frames = self.encode_batch(batch.waveform, batch.lengths, part)
        self._require_finite(values, "encoding", batch.names)
        return Latents(
            values,
            frames,
            self.frame_rate if part == "latents" else 50.0,
            self.sample_rate,
            batch.lengths.to(self.device),
            self.identity if part == "latents" else None,
            [{"name": name} for name in batch.names],
        )

    def _require_finite(self, values: Tensor, deed: str, names: Sequence[str]) -> None:
        """Refuse results with NaN or infinite values: a range too small for these weights, and never a result."""
        bad = [name or f"item {i}" for i, name in enumerate(names) if not bool(torch.isfinite(values[i]).all())]
        if bad:
            advice = "; use float32 or bfloat16" if self.dtype == torch.float16 else ""
            more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            raise WavCubeError(f"{bad[0]}{more}: {deed} in {self.dtype} gave NaN or infinite values{advice}")

    def _as_latents(self, array: Any) -> Latents:
        try:
            values = torch.as_tensor(array)
        except (TypeError, ValueError, RuntimeError) as error:
            raise LatentsError(
                f"{type(array).__name__} is neither latents nor an array of them; read a file with Latents.load, "
                "put several together with Latents.batch"
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
