"""What users hand over: every form gives the same samples, and what is no speech is refused by name."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codec.small import relative_error, signal, small_model
from tests.locations import SPEECH
from wavcube.audio.io import load_audio, save_audio
from wavcube.codec import WavCube
from wavcube.codec.inputs import SpeechBatch, gather_speech, map_speech
from wavcube.errors import AudioError


@pytest.fixture(scope="module")
def model() -> WavCube:
    return small_model()


def gather(speech: Any, sample_rate: int | None = 16_000, lengths: Any = None) -> SpeechBatch:
    return gather_speech(speech, sample_rate, lengths, target_rate=16_000, shortest=400)


def as_type(waveform: np.ndarray, dtype: str) -> np.ndarray:
    if np.issubdtype(np.dtype(dtype), np.floating):
        return waveform.astype(dtype)
    bits = 8 * np.dtype(dtype).itemsize
    scaled = np.rint(waveform.astype(np.float64) * 2 ** (bits - 1))
    return (scaled + (2 ** (bits - 1) if dtype.startswith("u") else 0)).astype(dtype)


@settings(deadline=None, max_examples=40)
@given(
    dtype=st.sampled_from(["float16", "float32", "float64", "int8", "int16", "int32", "uint8"]),
    lengths=st.lists(st.integers(400, 3_000), min_size=1, max_size=4),
    form=st.sampled_from(["list", "tensors", "batch", "batch of tensors"]),
)
def test_every_type_and_form_gives_the_same_samples(dtype: str, lengths: list[int], form: str) -> None:
    clips = [signal(length, seed=length) for length in lengths]
    given_clips: Any = [as_type(clip, dtype) for clip in clips]
    if form.startswith("batch"):
        padded = np.zeros((len(clips), max(lengths)), dtype)
        for row, clip in zip(padded, given_clips, strict=True):
            row[: len(clip)] = clip
        batch = gather(torch.from_numpy(padded) if form == "batch of tensors" else padded, lengths=lengths)
    else:
        batch = gather([torch.from_numpy(clip) for clip in given_clips] if form == "tensors" else given_clips)
    assert batch.lengths.tolist() == lengths
    assert batch.waveform.dtype == torch.float32
    step = {"float16": 2e-4, "int8": 2**-7, "uint8": 2**-7, "int16": 2**-15}.get(dtype, 1e-7)
    for row, clip in zip(batch.waveform, clips, strict=True):
        assert np.abs(row[: len(clip)].numpy() - clip).max() <= step
        assert not row[len(clip) :].any()


def test_forms_of_one_recording() -> None:
    clip = signal(1_000)
    for speech in (clip, clip[None], [clip], torch.from_numpy(clip), (torch.from_numpy(clip),), clip.tolist()):
        batch = gather(speech)
        assert batch.waveform.shape == (1, 1_000)
        assert np.abs(batch.waveform[0].numpy() - clip).max() <= 1e-7
    assert gather(torch.from_numpy(clip).bfloat16()).waveform.dtype == torch.float32
    assert gather(torch.from_numpy(clip).requires_grad_()).waveform.requires_grad is False


def test_paths_know_their_own_rate(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, signal(24_000), 24_000)
    mixed = gather([path, str(path), signal(8_000)], sample_rate=8_000)
    assert mixed.lengths.tolist() == [16_000, 16_000, 16_000]
    assert torch.equal(mixed.waveform[0], torch.from_numpy(load_audio(path)))
    assert torch.equal(mixed.waveform[0], mixed.waveform[1])
    assert mixed.names == [str(path), str(path), "item 2"]
    assert gather(path, None).names == [str(path)]


@pytest.mark.parametrize("sample_rate", [4_000, 8_000, 22_050, 44_100, 192_000])
def test_arrays_of_any_rate(sample_rate: int) -> None:
    """A tone keeps its pitch and its length."""
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(sample_rate) / sample_rate)
    waveform = gather(tone, sample_rate).waveform[0]
    expected = 0.5 * torch.sin(2 * torch.pi * 440 * torch.arange(16_000) / 16_000)
    assert len(waveform) == 16_000
    assert relative_error(waveform[500:-500], expected[500:-500]) < 2e-3


def test_lengths_count_samples_at_the_given_rate() -> None:
    batch = gather(np.stack([signal(8_000), signal(8_000, seed=1)]), 8_000, [8_000, 4_000])
    assert batch.lengths.tolist() == [16_000, 8_000]
    assert not batch.waveform[1, 8_000:].any()


@pytest.mark.parametrize(
    ("speech", "sample_rate", "lengths", "named"),
    [
        ([], 16_000, None, "no speech given"),
        (np.zeros((0, 500)), 16_000, None, "no speech given"),
        (np.zeros(0), 16_000, None, "no samples"),
        (signal(1), 16_000, None, "has 1 samples .* at least 400"),
        (signal(399), 16_000, None, "has 399 samples .* at least 400"),
        (signal(199), 8_000, None, "has 398 samples .* at least 400"),
        ([signal(500), signal(300)], 16_000, None, "item 1: has 300 samples"),
        (signal(500), None, None, "sample_rate"),
        (signal(500), 0, None, "0 Hz"),
        (signal(500), 3_999, None, "3999 Hz"),
        (signal(500), 192_001, None, "192001 Hz"),
        (signal(500), "16k", None, "16k"),
        (np.full(500, np.nan), 16_000, None, "500 of its samples are NaN or infinite"),
        (np.append(signal(500), np.inf), 16_000, None, "1 of its samples is NaN or infinite"),
        (torch.tensor([float("nan")] * 500), 16_000, None, "NaN"),
        (1e4 * signal(500), 16_000, None, "full scale"),
        (np.zeros(500, complex), 16_000, None, "complex128"),
        (np.zeros(500, bool), 16_000, None, "bool"),
        (np.zeros(500, np.int64), 16_000, None, "int64"),
        (np.zeros((2, 3, 500)), 16_000, None, r"shape \[2, 3, 500\]"),
        ([np.zeros((2, 500))], 16_000, None, r"item 0: has shape \[2, 500\]"),
        (np.array("speech"), 16_000, None, "shape"),
        (None, 16_000, None, "shape|array"),
        (3.5, 16_000, None, "a float is no speech"),
        ({"a": 1}, 16_000, None, "shape|array"),
        ([None], 16_000, None, "item 0"),
        ([[0.1] * 500, [0.1] * 400], 16_000, [500, 400], "padded batch"),
        (signal(500), 16_000, [500], "padded batch"),
        (np.zeros((2, 500)), 16_000, [500], "1 lengths for a batch of 2"),
        (np.zeros((2, 500)), 16_000, [500, 501], "1 to 500"),
        (np.zeros((2, 500)), 16_000, [500, 0], "1 to 500"),
        (np.zeros((2, 500)), 16_000, [500, -3], "1 to 500"),
        (np.zeros((2, 500)), 16_000, 500, "lengths"),
        ("no such file.wav", None, None, "no such file.wav"),
        (["no such file.wav"], None, None, "no such file.wav"),
        (Path("no such file.wav"), None, None, "no such file.wav"),
    ],
)
def test_what_is_no_speech_is_refused(speech: Any, sample_rate: Any, lengths: Any, named: str) -> None:
    with pytest.raises(AudioError, match=named):
        gather(speech, sample_rate, lengths)


def test_stereo_in_columns_is_refused_with_a_hint() -> None:
    """As soundfile reads it: [S, channels]. Taken for a batch it would be a great many tiny items."""
    with pytest.raises(AudioError, match="channels"):
        gather(np.zeros((16_000, 2), np.float32))


# The list of bad files, through the model


def encodes(model: WavCube, path: Path) -> None:
    """The file is taken and gives as many samples back as it has at 16 kHz."""
    reconstructed = model.reconstruct(path)
    assert isinstance(reconstructed, torch.Tensor)
    assert reconstructed.shape == (1, len(load_audio(path)))
    assert reconstructed.isfinite().all()


@pytest.mark.parametrize("samples", [400, 401, 12_345])
def test_files_of_odd_lengths(model: WavCube, tmp_path: Path, samples: int) -> None:
    soundfile.write(tmp_path / "clip.wav", signal(samples), 16_000)
    encodes(model, tmp_path / "clip.wav")


def test_odd_but_usable_files(model: WavCube, tmp_path: Path) -> None:
    files = {
        "silence.wav": (np.zeros(8_000), 16_000),
        "clipped.wav": (np.clip(20 * signal(8_000), -1, 1), 16_000),
        "constant.wav": (np.full(8_000, 0.7), 16_000),
        "slow.wav": (signal(4_000), 8_000),
        "fast.wav": (signal(96_000), 192_000),
        "seven.wav": (np.stack([signal(8_000, seed=i) for i in range(7)], 1), 16_000),
    }
    for name, (samples, rate) in files.items():
        soundfile.write(tmp_path / name, samples, rate)
        encodes(model, tmp_path / name)
    mixed = load_audio(tmp_path / "seven.wav")
    assert relative_error(model.encode(tmp_path / "seven.wav").values, model.encode(mixed, 16_000).values) <= 1e-6


def test_real_recordings(model: WavCube) -> None:
    paths = sorted(path for path in SPEECH.iterdir() if path.suffix in (".opus", ".flac"))[:3]
    latents = model.encode(paths)
    assert [entry["name"] for entry in latents.metadata] == [str(path) for path in paths]
    for path, item in zip(paths, latents, strict=True):
        assert relative_error(item.values, model.encode(path).values) <= 1e-5


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "is empty"),
        (b"This is no recording." * 50, "not a recording|damaged"),
        (os.urandom(5_000), "not a recording|damaged"),
        (b"RIFF", "not a recording|damaged"),
    ],
)
def test_files_that_are_no_audio(model: WavCube, tmp_path: Path, content: bytes, named: str) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=named) as caught:
        model.encode(path)
    assert str(path) in str(caught.value)


def test_unusable_files_are_named(model: WavCube, tmp_path: Path) -> None:
    broken = signal(5_000)
    broken[100] = np.nan
    files = {"none.wav": np.zeros(0), "one.wav": signal(1), "399.wav": signal(399), "nan.wav": broken}
    for name, samples in files.items():
        soundfile.write(tmp_path / name, samples, 16_000, "FLOAT")
        with pytest.raises(AudioError) as caught:
            model.encode([tmp_path / name])
        assert str(tmp_path / name) in str(caught.value)
    save_audio(tmp_path / "whole.flac", signal(20_000), 16_000)
    (tmp_path / "cut.flac").write_bytes((tmp_path / "whole.flac").read_bytes()[:9_000])
    with pytest.raises(AudioError, match=r"cut\.flac.*cut short"):
        model.encode(tmp_path / "cut.flac")
    with pytest.raises(AudioError, match="is a folder"):
        model.encode(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(model: WavCube, tmp_path: Path) -> None:
    path = tmp_path / "secret.wav"
    soundfile.write(path, signal(5_000), 16_000)
    path.chmod(0)
    with pytest.raises(AudioError, match=r"secret\.wav: cannot be read"):
        model.encode(path)


@pytest.mark.filterwarnings("error")
def test_one_by_one_nothing_is_copied_and_the_share_that_is_done_is_told() -> None:
    clips, shares, seen = [signal(6_000), signal(2_000)], [], []
    clips[1].flags.writeable = False

    def function(waveform: torch.Tensor, report: Any) -> np.ndarray:
        seen.append(np.shares_memory(waveform.numpy(), clips[len(seen)]))
        report(0.5)
        return waveform.numpy()

    options = {"target_rate": 16_000, "shortest": 400}
    made = map_speech(function, clips, 16_000, **options, progress=shares.append)
    assert [len(one) for one in made] == [6_000, 2_000]
    assert seen == [True, False]  # torch has no tensors that cannot be written to
    assert shares == [0.375, 0.75, 0.875, 1.0]
    assert map_speech(lambda waveform, _: waveform.numpy(), clips[0], 16_000, **options).shape == (6_000,)
