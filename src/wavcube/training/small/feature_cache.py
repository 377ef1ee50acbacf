"""A frozen encoder's features on disk, so that those of a crop are computed only once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wavcube.codec.encoder import SpeechEncoder
from wavcube.errors import DataError
from wavcube.files import atomic_path
from wavcube.hashing import digest, fingerprint_tensors


class FeatureCache:
    """One file a crop, named by a hash of its samples, in a folder named by the encoder's weights and settings.

    It only helps where the same crops come again: `data.crop_variants` limits how many of a recording there are.
    Features are kept, and given back also when they are new, in half precision, so that training does not depend on
    what the cache already holds.

    Args:
        folder: where the caches of all encoders lie.
        encoder: what the features depend on.
        compute: waveforms [B, S] and valid samples [B] (None: all) to features [B, T, H].
    """

    def __init__(
        self, folder: str | Path, encoder: SpeechEncoder, compute: Callable[[Tensor, Tensor | None], Tensor]
    ) -> None:
        self.compute = compute
        # The same weights give other features where other layers, the log-mel or the pitch are among them.
        self.folder = Path(folder) / fingerprint_tensors(encoder.state_dict(), repr(encoder.config))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: the feature cache cannot be made ({error})") from error

    @torch.no_grad()
    def features(self, waveform: Tensor, lengths: Tensor | None) -> Tensor:
        """Features [B, T, H] of crops [B, S] with `lengths` [B] valid samples (None: all), on their device."""
        paths = [self._path(row) for row in self._valid_samples(waveform, lengths)]
        missing = [i for i, path in enumerate(paths) if not path.exists()]
        if missing:
            computed = self.compute(waveform[missing], None if lengths is None else lengths[missing])
            for i, values in zip(missing, computed.half().cpu().numpy(), strict=True):
                paths[i].parent.mkdir(exist_ok=True)
                with atomic_path(paths[i]) as temporary, temporary.open("wb") as file:
                    np.save(file, values)
        stored = [self._read(path) for path in paths]
        return torch.stack(stored).to(waveform.device).float()

    @staticmethod
    def _valid_samples(waveform: Tensor, lengths: Tensor | None) -> list[np.ndarray]:
        rows = waveform.cpu().numpy()
        ends = [len(row) for row in rows] if lengths is None else lengths.tolist()
        return [row[:end] for row, end in zip(rows, ends, strict=True)]

    def _path(self, samples: np.ndarray) -> Path:
        name = digest(np.ascontiguousarray(samples).tobytes(), 16)
        return self.folder / name[:2] / f"{name}.npy"  # 256 folders: no file system likes millions of files in one

    @staticmethod
    def _read(path: Path) -> Tensor:
        try:
            return torch.from_numpy(np.load(path))
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: a damaged file of the feature cache ({error}); delete it") from error
