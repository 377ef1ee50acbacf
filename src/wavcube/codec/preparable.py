"""Networks whose weights have names, and can be prepared: laid out anew or put in graphs, and changed no more."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self, SupportsIndex

import torch
from torch import Tensor, nn

from wavcube.codec.bottleneck import SemanticCompressor
from wavcube.codec.config import WavCubeConfig
from wavcube.codec.encoder import SpeechEncoder
from wavcube.codec.fingerprint import LATENT_PARTS, LatentSpace, Names
from wavcube.errors import CheckpointError, WavCubeError
from wavcube.hashing import fingerprint_tensors


class PreparableNetworks(nn.Module):
    """Names for the latent space and for all weights, which hold as long as these are what they were.

    A plain model finds its names from its weights, whatever has changed them. One that was prepared (`optimize`, an
    export) keeps those that it had, computes in its own precision, and refuses to be saved, loaded into, trained or
    moved to another type or device.
    """

    config: WavCubeConfig
    encoder: SpeechEncoder
    compressor: SemanticCompressor

    optimized = False
    """Whether the weights are laid out anew, or in graphs."""

    backend = "torch"
    """The runtime that computes: "torch", "onnx" or "openvino"."""

    _space: LatentSpace | None = None  # when `identity` was last asked for
    _prepared: Names | None = None

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

    def _own_type(self) -> AbstractContextManager[object]:
        """Autocast is for plain models in float32; others compute in their own type, whatever it asks for."""
        plain = self.dtype == torch.float32 and not self.optimized
        return nullcontext() if plain else torch.autocast(self.device.type, enabled=False)

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
