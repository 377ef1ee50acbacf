"""Arrays of samples -> the padded batch that the model takes, with NumPy alone."""

from typing import Any

import numpy as np
from transformers import BatchFeature, SequenceFeatureExtractor

from wavcube.audio.samples import as_array, as_mono
from wavcube.codec.checkpoint.shared_folder import PREPROCESSOR_AUTO_MAP
from wavcube.errors import AudioError
from wavcube.framing import SAMPLE_RATE, WINDOW_LENGTH


class WavCubeFeatureExtractor(SequenceFeatureExtractor):
    """Recordings at 16 kHz as `input_values` [B, 1, S] (float32) and `padding_mask` [B, S] (1 where a sample is real).

    Levels stay as they are; whatever an encoder needs in the way of normalisation the model does.
    """

    model_input_names = ["input_values", "padding_mask"]  # noqa: RUF012 (transformers' own)

    def __init__(
        self, feature_size: int = 1, sampling_rate: int = SAMPLE_RATE, padding_value: float = 0.0, **options: Any
    ) -> None:
        options.setdefault("return_attention_mask", True)
        super().__init__(feature_size=feature_size, sampling_rate=sampling_rate, padding_value=padding_value, **options)

    def __call__(
        self,
        raw_audio: Any,
        sampling_rate: int | None = None,
        padding: bool | str = True,
        truncation: bool = False,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        return_tensors: str | None = None,
    ) -> BatchFeature:
        """One recording or several as a batch.

        Args:
            raw_audio: an array or list of samples [S], or a list of such of unequal lengths, or a batch [B, S]; floats
                in [-1, 1] or integers of 8 to 32 bits.
            sampling_rate: of the samples, in Hz; it has to be 16,000. `WavCube.encode` takes others and resamples.
            padding, truncation, max_length, pad_to_multiple_of: as in every extractor of transformers, in samples.
            return_tensors: "pt" or "np"; by default lists of arrays.

        Raises:
            AudioError: no sampling rate or another, a recording of several channels, too short, or of values that are
                no samples.
        """
        if sampling_rate is None:
            raise AudioError(f"say the sampling_rate of the audio in Hz; the model takes {self.sampling_rate}")
        if sampling_rate != self.sampling_rate:
            raise AudioError(
                f"the audio is at {sampling_rate} Hz, the model takes {self.sampling_rate} Hz; resample it first"
            )
        waveforms = [self._checked(item, f"item {i}") for i, item in enumerate(_items(raw_audio))]
        if not waveforms:
            raise AudioError("no audio given: the list or batch is empty")
        batch = self.pad(
            BatchFeature({"input_values": waveforms}),
            padding=padding,
            truncation=truncation,
            max_length=max_length,
            pad_to_multiple_of=pad_to_multiple_of,
            return_attention_mask=True,
        )
        batch["padding_mask"] = batch.pop("attention_mask")
        batch["input_values"] = [np.asarray(values, dtype=np.float32)[None] for values in batch["input_values"]]
        return batch.convert_to_tensors(return_tensors)

    def _checked(self, item: Any, name: str) -> np.ndarray:
        samples = as_array(item, name)
        if samples.dtype.kind in "OSU":
            raise AudioError(f"{name}: {type(item).__name__} is no array of samples; wavcube.load_audio reads files")
        if samples.ndim != 1:
            raise AudioError(f"{name}: has shape {list(samples.shape)}; the model takes one channel, [samples]")
        waveform = as_mono(samples, self.sampling_rate, self.sampling_rate, name=name)
        if len(waveform) < WINDOW_LENGTH:
            raise AudioError(f"{name}: has {len(waveform)} samples; the model needs at least {WINDOW_LENGTH}")
        return waveform

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in preprocessor_config.json."""
        return {**super().to_dict(), "auto_map": PREPROCESSOR_AUTO_MAP}

    @classmethod
    def register_for_auto_class(cls, auto_class: str = "AutoFeatureExtractor") -> None:
        """Nothing to do: the folder's own module imports the package, and no source file is copied into folders."""


def _items(raw_audio: Any) -> list[Any]:
    """The recordings of what a user gives: a list of arrays or of lists, the rows of an array, or one recording."""
    if isinstance(raw_audio, list | tuple):
        return list(raw_audio) if not raw_audio or np.ndim(raw_audio[0]) else [list(raw_audio)]
    return list(raw_audio) if np.ndim(raw_audio) == 2 else [raw_audio]
