"""An aligner that has learnt from a corpus, kept beside a model: the times of a text's tokens in any one recording."""

from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from wavcube.errors import CheckpointError
from wavcube.features.spectral import Mfcc
from wavcube.files import atomic_path, reason
from wavcube.generation.tts.durations.forced_aligner import STATES, ForcedAligner
from wavcube.generation.tts.text.vocabulary import Vocabulary
from wavcube.hashing import digest

ALIGNER = "aligner.safetensors"
"""Its name in a model's folder."""


class SavedAligner:
    """The states of a `ForcedAligner` for one vocabulary, over MFCC.

    Args:
        vocabulary: of the tokens.
        mean, variance: [(V + 1) * STATES, F] of the states.
    """

    def __init__(self, vocabulary: Vocabulary, mean: Tensor, variance: Tensor) -> None:
        self.vocabulary, self.mean, self.variance = vocabulary, mean, variance
        self._features = Mfcc()

    @classmethod
    def load(cls, folder: str | Path, vocabulary: Vocabulary) -> Self:
        """The aligner of a model's folder.

        Raises:
            CheckpointError: the folder has none, it is damaged, or it is of another vocabulary or other features.
        """
        path = Path(folder) / ALIGNER
        if not path.is_file():
            raise CheckpointError(f"{path}: the model has no aligner; make it with scripts/learn_aligner.py")
        try:
            with safe_open(path, framework="pt") as file:
                made_for = (file.metadata() or {}).get("made_for")
                mean, variance = file.get_tensor("mean").clone(), file.get_tensor("variance").clone()
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path}: half-written or damaged ({reason(error)})") from error
        aligner = cls(vocabulary, mean, variance)
        shape = ((len(vocabulary) + 1) * STATES, aligner._features.dim)
        if made_for != aligner._made_for() or tuple(mean.shape) != shape or tuple(variance.shape) != shape:
            raise CheckpointError(f"{path}: belongs to another vocabulary or other features than the model beside it")
        return aligner

    def save(self, folder: str | Path) -> None:
        """Write the aligner into a model's folder, whole."""
        with atomic_path(Path(folder) / ALIGNER) as temporary:
            tensors = {"mean": self.mean.contiguous(), "variance": self.variance.contiguous()}
            save_file(tensors, temporary, metadata={"made_for": self._made_for()})

    def ends(self, waveform: Tensor, token_ids: list[int]) -> Tensor | None:
        """The second at which each token of a text [N] ends in a waveform [S] at 16 kHz, rising, float32 [N].

        The text begins and ends with a pause. None where the recording is too short for the text.
        """
        if len(waveform) < self._features.shortest:
            return None
        cepstra: np.ndarray = self._features(waveform[None])[0][0].numpy()
        aligner = ForcedAligner(torch.tensor([False, *self.vocabulary.pauses]), lambda key: cepstra)
        aligner.mean, aligner.variance = self.mean, self.variance
        frames = aligner.ends([("recording", token_ids)])[0]
        return None if frames is None else torch.from_numpy(frames).float() / self._features.frame_rate

    def _made_for(self) -> str:
        return digest("\n".join([self._features.fingerprint, str(STATES), *self.vocabulary.tokens]))
