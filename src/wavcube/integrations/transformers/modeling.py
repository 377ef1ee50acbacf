"""WavCube as a model of transformers: the same networks, with the interface of its continuous audio tokenizers."""

from contextlib import nullcontext
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers.modeling_utils import PreTrainedAudioTokenizerBase
from transformers.utils import ModelOutput, cached_file, can_return_tuple

from wavcube.codec.blocks.precision import as_dtype
from wavcube.codec.checkpoint.folder import (
    CONFIG,
    PACKAGED,
    STATISTICS,
    latent_name,
    read_weights,
    refuse_misfits,
    write_checkpoint,
)
from wavcube.codec.checkpoint.meta_init import meta_init
from wavcube.codec.fingerprint import latent_fingerprint
from wavcube.codec.networks import WavCubeNetworks
from wavcube.errors import AudioError, CheckpointError, LatentsError
from wavcube.integrations.transformers.configuration import WavCubeModelConfig
from wavcube.padding import valid_mask


@dataclass
class WavCubeEncoderOutput(ModelOutput):
    """What `encode` gives.

    Attributes:
        latents: [B, T, C], zeros beyond an item's end.
        latents_mask: [B, T], true where a frame is real.
    """

    latents: Tensor | None = None
    latents_mask: Tensor | None = None


@dataclass
class WavCubeDecoderOutput(ModelOutput):
    """What `decode` gives.

    Attributes:
        audio_values: [B, 1, S], zeros beyond an item's end.
        padding_mask: [B, S], true where a sample is real.
    """

    audio_values: Tensor | None = None
    padding_mask: Tensor | None = None


@dataclass
class WavCubeOutput(ModelOutput):
    """What the model gives: latents [B, T, C], their mask [B, T], and audio [B, 1, S] as long as what went in."""

    latents: Tensor | None = None
    latents_mask: Tensor | None = None
    audio_values: Tensor | None = None


class WavCubeModel(WavCubeNetworks, PreTrainedAudioTokenizerBase):
    """Speech at 16 kHz -> continuous latents -> speech.

    Where a gradient is asked for (it is tracked, and the input or a weight requires one) recordings go through whole,
    in the mode that the model is in; else in evaluation mode, without gradients, and long ones in chunks, as in
    `wavcube.WavCube`, whose numbers these are. A frozen model inside one that is trained thus has no dropout.
    """

    config: WavCubeModelConfig  # type: ignore[assignment]
    config_class = WavCubeModelConfig
    base_model_prefix = "wavcube"
    main_input_name = "input_values"
    input_modalities = "audio"
    _supports_sdpa = True
    _no_split_modules = ["EncoderLayer", "ConformerLayer", "ConvLayer", "PositionConvolution"]  # noqa: RUF012 (transformers' own)
    _keys_to_ignore_on_load_unexpected = list(STATISTICS)  # noqa: RUF012 (read by `from_pretrained` below)

    def __init__(self, config: WavCubeModelConfig) -> None:
        PreTrainedAudioTokenizerBase.__init__(self, config)
        on_meta = torch.empty(0).is_meta  # transformers builds models there before it loads weights
        with meta_init() if on_meta else nullcontext():
            self._build(config.settings)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing to do: the parts draw their own weights when they are built."""

    @can_return_tuple
    def encode(self, input_values: Tensor, padding_mask: Tensor | None = None) -> WavCubeEncoderOutput:
        """Latents of a padded batch, every item as if it were alone.

        Args:
            input_values: [B, 1, S] at 16 kHz, full scale [-1, 1].
            padding_mask: [B, S], 1 where a sample is real; padding is on the right. None: all are.

        Raises:
            AudioError: the shape, the type or the mask are not those of such a batch, or an item is too short.
        """
        _require_tensor(input_values, "input_values", AudioError)
        if input_values.dim() != 3 or input_values.shape[1] != 1 or not input_values.is_floating_point():
            raise AudioError(
                f"input_values are floats [batch, 1, samples], not {input_values.dtype} {list(input_values.shape)}; "
                "the feature extractor makes them"
            )
        waveform = input_values[:, 0]
        lengths = _lengths(padding_mask, waveform, "padding_mask", AudioError)
        shortest = self.config.encoder.receptive_field
        if int(lengths.min()) < shortest:
            raise AudioError(
                f"item {int(lengths.argmin())}: has {int(lengths.min())} samples; the model needs at least {shortest}"
            )
        if self._tracks(waveform, self.encoder, self.compressor):
            values, frames = WavCubeNetworks.forward(self, waveform, lengths)
        else:
            values, frames = self.encode_batch(waveform, lengths)
        total = self.expected_frames(waveform.shape[1])  # of the batch's width, so that parts of it fit together
        values = F.pad(values, (0, 0, 0, total - values.shape[1]))
        return WavCubeEncoderOutput(values, valid_mask(frames, total))

    @can_return_tuple
    def decode(self, latents: Tensor, latents_mask: Tensor | None = None) -> WavCubeDecoderOutput:
        """Waveforms of a padded batch of latents, every item as if it were alone.

        Args:
            latents: [B, T, C].
            latents_mask: [B, T], true where a frame is real; padding is on the right. None: all are.

        Raises:
            LatentsError: the shape, the type or the mask are not those of such a batch, or an item has no frames.
        """
        _require_tensor(latents, "latents", LatentsError)
        if latents.dim() != 3 or not latents.is_floating_point() or latents.shape[2] != self.latent_dim:
            raise LatentsError(
                f"latents of this model are floats [batch, frames, {self.latent_dim}], not {latents.dtype} "
                f"{list(latents.shape)}"
            )
        lengths = _lengths(latents_mask, latents, "latents_mask", LatentsError)
        if int(lengths.min()) < 1:
            raise LatentsError(f"item {int(lengths.argmin())}: has no frames")
        if self._tracks(latents, self.decoder):
            waveform, samples = self.synthesize(latents, lengths)
        else:
            waveform, samples = self.decode_batch(latents, lengths)
        total = latents.shape[1] * self.hop_length
        waveform = F.pad(waveform, (0, total - waveform.shape[1]))
        return WavCubeDecoderOutput(waveform[:, None], valid_mask(samples, total))

    @can_return_tuple
    def forward(self, input_values: Tensor, padding_mask: Tensor | None = None) -> WavCubeOutput:
        """Encode and decode; see `encode`. The audio has as many samples as what went in, zeros beyond an item's end.

        Up to 399 samples at an item's end fill no frame and come back as zeros.
        """
        encoded = self.encode(input_values, padding_mask, return_dict=True)
        decoded = self.decode(encoded.latents, encoded.latents_mask, return_dict=True)
        size = input_values.shape[2]
        audio = F.pad(decoded.audio_values[..., :size], (0, max(0, size - decoded.audio_values.shape[2])))
        if padding_mask is not None:  # an item's last frame may reach beyond its end
            audio = audio.masked_fill(~padding_mask[:, None].bool(), 0.0)
        return WavCubeOutput(encoded.latents, encoded.latents_mask, audio)

    def _tracks(self, batch: Tensor, *parts: nn.Module) -> bool:
        """Whether a gradient is asked of these parts."""
        if not torch.is_grad_enabled():
            return False
        trained = not self.optimized and any(p.requires_grad for part in parts for p in part.parameters())
        return batch.requires_grad or trained

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, name: str | PathLike[str] | None = None, *arguments: Any, output_loading_info: bool = False, **options: Any
    ) -> Any:
        """Load a wavcube folder or hub id, with all options of transformers; by default the packaged model.

        Weights are computed with in float32 unless `dtype` says otherwise, however they are stored.

        Raises:
            CheckpointError: tensors missing, unexpected or of another size, by name; or a damaged file.
            ConfigError: no such dtype, or its config.json has an unknown key or an impossible value.
            OSError: transformers finds no such model.
        """
        source = str(PACKAGED if name is None and options.get("state_dict") is None else name)
        if "torch_dtype" not in options and options.get("dtype") is None:
            options["dtype"] = torch.float32
        if isinstance(options.get("dtype"), str) and options["dtype"] != "auto":
            options["dtype"] = as_dtype(options["dtype"])
        options["ignore_mismatched_sizes"] = True  # they are refused here, by name
        place = None if source == "None" else source
        try:
            loaded: Any = super().from_pretrained(place, *arguments, output_loading_info=True, **options)
        except SafetensorError as error:
            raise CheckpointError(
                f"{source}: its weights are half-written or damaged ({error}); copy it again"
            ) from error
        model, found = loaded
        refuse_misfits(
            source,
            missing=found["missing_keys"],
            unexpected=found["unexpected_keys"],
            misshapen=[
                f"{key} is {list(there)}, not {list(wanted)}" for key, there, wanted in found["mismatched_keys"]
            ],
        )
        if options.get("state_dict") is None:
            model._take_name_and_statistics(source, options)
        return (model, found) if output_loading_info else model

    def _take_name_and_statistics(self, source: str, options: dict[str, Any]) -> None:
        """What a checkpoint has beside the weights: the name of the latent space, and the latent's mean and scale."""
        names = ("cache_dir", "revision", "subfolder", "token", "local_files_only")
        places = {key: options[key] for key in names if options.get(key) is not None}
        commit = getattr(self.config, "_commit_hash", None)  # of the same snapshot as the weights
        folder = Path(str(cached_file(source, CONFIG, _commit_hash=commit, **places))).parent
        weights, written = read_weights(folder)
        for key in STATISTICS:
            if key in weights:
                self.register_buffer(key, weights[key].to(self.device, self.dtype))
        self.name_latents(latent_name(self.config.settings, weights, written))

    def save_pretrained(  # type: ignore[override]
        self,
        save_directory: str | PathLike[str],
        is_main_process: bool = True,
        state_dict: dict[str, Tensor] | None = None,
        max_shard_size: int | str = "5GB",
        dtype: torch.dtype | str | None = None,
        **options: Any,
    ) -> None:
        """Write a folder that transformers and `wavcube.WavCube` load; its files appear whole.

        Args:
            is_main_process: only that one writes.
            state_dict: tensors to write in the place of the model's own.
            max_shard_size: of a file of weights.
            dtype: of the file; the model stays as it is.
            options: none of transformers' others but those without effect here (safe_serialization, token).

        Raises:
            CheckpointError: the folder cannot be written, or holds another kind of model.
        """
        for name in ("safe_serialization", "token", "save_peft_format", "save_original_format"):
            options.pop(name, None)
        if options := {key: value for key, value in options.items() if value not in (None, False)}:
            raise TypeError(f"save_pretrained of a WavCube has no {next(iter(options))}")
        if not is_main_process:
            return
        self._require_plain()
        own, settings = self.state_dict(), self.config.settings
        tensors = own if state_dict is None else state_dict
        of = (settings.encoder, settings.bottleneck)
        # A trainer hands over the model's own tensors, whose name is known.
        same = state_dict is None or latent_fingerprint(*of, tensors) == latent_fingerprint(*of, own)
        write_checkpoint(
            Path(save_directory),
            settings,
            tensors,
            self.identity if same else None,
            dtype=as_dtype(dtype),
            max_shard_size=max_shard_size,
        )

    @classmethod
    def register_for_auto_class(cls, auto_class: str = "AutoModel") -> None:
        """Nothing to do: the folder's own module imports the package, and no source file is copied into folders."""


def _require_tensor(values: Any, name: str, error: type[ValueError]) -> None:
    if not isinstance(values, Tensor):
        raise error(f'{name}: a tensor is expected, not {type(values).__name__}; return_tensors="pt" gives one')


def _lengths(mask: Tensor | None, batch: Tensor, name: str, error: type[ValueError]) -> Tensor:
    """Valid steps [B] of a batch [B, N, ...], of a mask [B, N] that is 1 up to an item's end and 0 beyond it."""
    count, size = batch.shape[:2]
    if mask is None:
        return torch.full((count,), size, device=batch.device)
    if mask.shape != (count, size):
        raise error(f"{name} has shape {list(mask.shape)}, not {[count, size]}")
    real = mask.bool()
    lengths = real.sum(1)
    if not torch.equal(real, valid_mask(lengths, size)):
        raise error(f"{name} has padding that is not at the right end; pad on the right")
    return lengths
