"""What users hand over as speech or latents: every natural form works, the rest is refused by its type's name."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from wavcube import Latents, WavCube
from wavcube.codec.chunking import Chunking
from wavcube.errors import AudioError, AudioWarning, ConfigError, LatentsError


@pytest.fixture(scope="module")
def model() -> WavCube:
    return WavCube.from_pretrained()


@pytest.fixture
def clip(speech: np.ndarray) -> np.ndarray:
    return speech[16_000:32_000]


class Decoder:
    """As torchcodec's AudioDecoder gives samples [channels, S] and their rate."""

    def __init__(self, wave: np.ndarray) -> None:
        self._wave = wave

    def get_all_samples(self) -> SimpleNamespace:
        return SimpleNamespace(data=torch.from_numpy(self._wave)[None], sample_rate=16_000)


def flac(wave: np.ndarray) -> bytes:
    memory = BytesIO()
    soundfile.write(memory, wave, 16_000, format="FLAC")
    return memory.getvalue()


FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "hugging face": lambda wave: {"array": wave, "sampling_rate": 16_000, "path": None},
    "hugging face, not decoded": lambda wave: {"bytes": flac(wave), "path": "a.flac"},
    "pair": lambda wave: (wave, 16_000),
    "pair of a tensor [1, S]": lambda wave: (torch.from_numpy(wave)[None], 16_000),
    "pair as of scipy": lambda wave: (16_000, wave),
    "bytes": flac,
    "file object": lambda wave: BytesIO(flac(wave)),
    "torchcodec": Decoder,
    "list of pairs": lambda wave: [(wave, 16_000)],
    "list of dictionaries": lambda wave: [{"array": wave, "sampling_rate": 16_000}],
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_that_know_their_rate(model: WavCube, clip: np.ndarray, form: str) -> None:
    plain = model.encode(clip, 16_000).values
    found = model.encode(FORMS[form](clip)).values
    # Sixteen bits of FLAC are not quite the floats.
    torch.testing.assert_close(
        found, plain, atol=2e-2 if "bytes" in form or "not dec" in form or "file" in form else 0, rtol=0
    )


def test_columns_of_a_table(model: WavCube, clip: np.ndarray, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    plain = model.encode(clip, 16_000).values
    torch.testing.assert_close(model.encode(pandas.Series(clip), 16_000).values, plain)
    (tmp_path / "a.flac").write_bytes(flac(clip))
    paths = pandas.Series([str(tmp_path / "a.flac")] * 2)
    assert len(model.encode(paths)) == 2


@pytest.mark.parametrize(
    ("speech", "says"),
    [
        ((wave for wave in [np.zeros(16_000)]), "a generator is no speech"),
        ({1, 2}, "a set is no speech"),
        (None, "a NoneType is no speech"),
        (object(), "a object is no speech"),
        ({"audio": 1}, "'array' and 'sampling_rate', 'bytes' or 'path', not audio"),
        ([iter([])], "item 0: a list_iterator is no speech"),
    ],
)
def test_what_is_no_speech_is_refused_by_its_type(model: WavCube, speech: Any, says: str) -> None:
    with pytest.raises(AudioError, match=says):
        model.encode(speech, 16_000)


def test_very_quiet_recordings_are_warned_of(
    model: WavCube, clip: np.ndarray, recwarn: pytest.WarningsRecorder
) -> None:
    model.encode([clip, np.zeros_like(clip)], 16_000)
    assert not [warning for warning in recwarn if issubclass(warning.category, AudioWarning)]
    quiet = clip * np.float32(10 ** (-60 / 20) / np.sqrt(np.mean(clip**2)))
    if model.config.encoder.normalize_waveform:
        pytest.skip("the packaged model is indifferent to the level")
    with pytest.warns(AudioWarning, match="a.wav: has a level of -60 dB"):
        model.encode({"array": quiet, "sampling_rate": 16_000, "path": "a.wav"})


def test_more_samples_than_fit_into_memory_are_refused(model: WavCube, clip: np.ndarray) -> None:
    with pytest.raises(LatentsError, match=r"1000000000000 samples an item do not fit into memory \(4000.0 GB\)"):
        model.decode(model.encode(clip, 16_000), samples=10**12)


def test_chunks_are_numbers_of_seconds() -> None:
    for wrong in ({"chunk": "30"}, {"context": None}, {"above": "no"}, {"above": True}):
        with pytest.raises(ConfigError, match="chunking: "):
            Chunking(**wrong)  # type: ignore[arg-type]


def test_latents_of_another_sample_rate_are_refused(model: WavCube, clip: np.ndarray) -> None:
    latents = model.encode(clip, 16_000)
    latents.sample_rate = 8_000
    with pytest.raises(LatentsError, match="8000 Hz"):
        model.decode(latents)


def test_latents_are_batched_from_any_iterable_and_sliced(tmp_path: Path) -> None:
    items = [Latents(torch.randn(1, n, 4), torch.tensor([n]), 50.0, samples=torch.tensor([n * 320])) for n in (3, 5, 2)]

    def given() -> Iterator[Latents]:
        yield from items

    batch = Latents.batch(given())
    assert batch.lengths.tolist() == [3, 5, 2]
    assert batch[0:2].lengths.tolist() == [3, 5]
    assert batch[::-1].samples.tolist() == [640, 1600, 960]  # type: ignore[union-attr]
    assert len(batch[3:]) == 0
    assert batch[np.int64(1)].values.shape == (1, 5, 4)
    assert Latents.concatenate(item for item in items).lengths.tolist() == [10]
    with pytest.raises(TypeError, match="integer or a slice"):
        batch["speech"]  # type: ignore[index]
    with pytest.raises(LatentsError, match="not str"):
        Latents.batch("ab")  # type: ignore[arg-type]
    for suffix in (".SAFETENSORS", ".Pt", ".NPY"):
        items[0].save(tmp_path / f"a{suffix}")
        torch.testing.assert_close(Latents.load(tmp_path / f"a{suffix}").values, items[0].values)


@pytest.mark.parametrize(
    "numbers",
    [{"chunk": float("nan")}, {"context": float("nan")}, {"above": float("nan")}, {"chunk": float("inf")}],
)
def test_chunking_refuses_what_is_no_length(numbers: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="chunk must be"):
        Chunking(**numbers)


def test_types_by_name() -> None:
    assert WavCube.from_pretrained(dtype="bfloat16").dtype == torch.bfloat16
    assert WavCube.from_pretrained(dtype="torch.float16").dtype == torch.float16
    for name in ("bf16", "float", "nn"):
        if not isinstance(getattr(torch, name, None), torch.dtype):
            with pytest.raises(ConfigError, match=f"'{name}' is no type"):
                WavCube.from_pretrained(dtype=name)
