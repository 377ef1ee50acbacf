import os
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wavcube.audio import samples as samples_module
from wavcube.audio.io import as_mono, audio_info, find_audio, load_audio, save_audio
from wavcube.errors import AudioError, AudioWarning

RATES = [8_000, 16_000, 44_100, 48_000, 192_000]


def tone(seconds: float, rate: int, frequency: float = 300.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write(path: Path, samples: np.ndarray, rate: int, **options: str) -> Path:
    soundfile.write(path, samples, rate, **options)
    return path


FORMATS = {
    "wav": {},
    "wav-float": {"subtype": "FLOAT"},
    "wav-24": {"subtype": "PCM_24"},
    "wav-u8": {"subtype": "PCM_U8"},
    "flac": {},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "mp3": {"format": "MP3"},
    "aiff": {},
    "au": {},
    "w64": {},
    "rf64": {},
    "voc": {"subtype": "PCM_16"},
    "caf": {},
}


def sample_file(folder: Path, kind: str, rate: int = 16_000, seconds: float = 0.5) -> Path:
    return write(folder / f"{kind}.{kind.split('-')[0]}", tone(seconds, rate), rate, **FORMATS[kind])


# Reading


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read(tmp_path: Path, kind: str) -> None:
    path = sample_file(tmp_path, kind)
    waveform = load_audio(path)
    expected = tone(0.5, 16_000)
    assert waveform.dtype == np.float32
    assert waveform.shape == expected.shape
    # The lossy formats keep the tone, 8 bits and lossless ones the samples.
    tolerance = 0.1 if kind in {"opus", "ogg", "mp3"} else 0.01 if kind == "wav-u8" else 1e-4
    assert np.abs(waveform - expected)[1000:-1000].max() < tolerance


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_resampled_files_keep_the_tone(tmp_path: Path, rate: int) -> None:
    path = write(tmp_path / "speech.wav", tone(0.48, rate), rate)
    waveform = load_audio(path)
    assert len(waveform) == 7_680
    assert np.abs(waveform - tone(0.48, 16_000))[500:-500].max() < 1e-3


def test_reading_in_blocks_is_reading_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (30_000, 3)).astype(np.float32)
    path = write(tmp_path / "speech.wav", noise, 44_100, subtype="FLOAT")
    monkeypatch.setattr("wavcube.audio.recording.BLOCK", 3_000)
    expected = soxr.resample(noise.mean(axis=1), 44_100, 16_000, quality="HQ")
    np.testing.assert_allclose(load_audio(path), expected, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 7])
def test_channels_are_averaged(tmp_path: Path, channels: int) -> None:
    samples = np.stack([tone(0.1, 16_000) * (index + 1) / channels for index in range(channels)], axis=1)
    path = write(tmp_path / "speech.wav", samples, 16_000, subtype="FLOAT")
    np.testing.assert_allclose(load_audio(path), samples.mean(axis=1), atol=1e-6)
    assert audio_info(path).channels == channels


def test_silence_and_clipping_are_legal(tmp_path: Path) -> None:
    silence = write(tmp_path / "silence.wav", np.zeros(400), 16_000)
    clipped = write(tmp_path / "clipped.wav", np.ones(400), 16_000, subtype="FLOAT")
    assert not load_audio(silence).any()
    assert (load_audio(clipped) == 1).all()


def test_info(tmp_path: Path) -> None:
    info = audio_info(sample_file(tmp_path, "flac", rate=48_000, seconds=0.25))
    assert (info.sample_rate, info.channels, info.frames, info.seconds) == (48_000, 1, 12_000, 0.25)
    assert (info.format, info.subtype) == ("FLAC", "PCM_16")


def test_a_stream_of_unknown_length_is_read(tmp_path: Path) -> None:
    """Programs that write to a pipe cannot go back and fill in the length."""
    flac = bytearray(sample_file(tmp_path, "flac").read_bytes())
    flac[21] &= 0xF0  # STREAMINFO: the 36 bits of the number of samples
    flac[22:26] = bytes(4)
    (tmp_path / "pipe.flac").write_bytes(flac)
    assert len(load_audio(tmp_path / "pipe.flac")) == 8_000
    assert audio_info(tmp_path / "pipe.flac").frames == 8_000

    wav = bytearray(sample_file(tmp_path, "wav").read_bytes())
    for size in (0xFFFFFFFF, 0x7FFFF000):
        wav[40:44] = size.to_bytes(4, "little")
        (tmp_path / "pipe.wav").write_bytes(wav)
        assert len(load_audio(tmp_path / "pipe.wav")) == 8_000


# Refusing files


def refusal(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        load_audio(path)
    text = str(caught.value)
    assert path.name in text
    assert "\n" not in text
    return text


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("kept", [0.05, 0.4, 0.97])
def test_a_file_cut_short_is_refused(tmp_path: Path, kind: str, kept: float) -> None:
    whole = sample_file(tmp_path, kind, seconds=3.0)
    content = whole.read_bytes()
    cut = whole.with_stem("cut")
    cut.write_bytes(content[: int(len(content) * kept)])
    text = refusal(cut)
    assert "cut short" in text or "damaged" in text


@pytest.mark.parametrize("kind", ["opus", "ogg"])
def test_an_ogg_file_cut_between_its_pages_is_read_with_a_warning(tmp_path: Path, kind: str) -> None:
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 80_000)
    whole = tmp_path / f"whole.{kind}"
    with soundfile.SoundFile(whole, "w", 16_000, 1, **FORMATS[kind]) as file:
        for start in range(0, len(noise), 4_000):  # libsndfile crashes on much Vorbis at once
            file.write(noise[start : start + 4_000])
    content = whole.read_bytes()
    cut = whole.with_stem("cut")
    cut.write_bytes(content[: content.rindex(b"OggS")])
    assert soundfile.info(cut).frames > 10_000  # libsndfile does not mind
    with pytest.warns(AudioWarning, match="not marked as the last"):
        assert len(load_audio(cut)) == soundfile.info(cut).frames


def test_missing_folder_empty_and_foreign_files(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "absent.wav")
    assert "folder" in refusal(tmp_path)
    (tmp_path / "empty.wav").touch()
    assert "0 bytes" in refusal(tmp_path / "empty.wav")
    for name in ("text.wav", "text.txt", "text.mp3", "text.raw", "text.gsm", "text.vox", "text.au"):
        (tmp_path / name).write_text("this is no recording at all\n" * 50)
        assert "convert it" in refusal(tmp_path / name)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.wav")
        assert "regular file" in refusal(tmp_path / "pipe.wav")


@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = sample_file(tmp_path, "wav")
    path.chmod(0)
    assert "Permission denied" in refusal(path)


def test_no_samples_and_too_few(tmp_path: Path) -> None:
    assert "no samples" in refusal(write(tmp_path / "none.wav", np.zeros(0), 16_000))
    assert "shorter" in refusal(write(tmp_path / "short.wav", np.zeros(1), 192_000))
    assert load_audio(write(tmp_path / "one.wav", np.zeros(1), 16_000)).shape == (1,)


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_non_finite_samples_are_counted(tmp_path: Path, rate: int) -> None:
    samples = np.zeros((1_000, 2))
    samples[3, 0], samples[4, 1], samples[5] = np.nan, np.inf, (np.inf, -np.inf)
    path = write(tmp_path / "speech.wav", samples, rate, subtype="FLOAT")
    assert "3 of its samples are NaN" in refusal(path)


def test_rates_and_scales_that_no_recording_has(tmp_path: Path) -> None:
    assert "3999 Hz" in refusal(write(tmp_path / "slow.wav", np.zeros(100), 3_999))
    assert "192001 Hz" in refusal(write(tmp_path / "fast.wav", np.zeros(100), 192_001))
    loud = write(tmp_path / "loud.wav", np.full(100, 32_767.0), 16_000, subtype="FLOAT")
    assert "32767" in refusal(loud)
    with pytest.raises(AudioError, match="requested rate"):
        load_audio(sample_file(tmp_path, "wav"), sample_rate=300_000)


@settings(max_examples=120, deadline=2_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["wav", "wav-float", "flac", "opus", "aiff"]),
    flips=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), min_size=1, max_size=6),
    kept=st.none() | st.integers(0, 400),
)
def test_damaged_headers_give_audio_or_an_audio_error(
    tmp_path: Path, kind: str, flips: list[tuple[int, int]], kept: int | None
) -> None:
    whole = tmp_path / f"{kind}.{kind.split('-')[0]}"
    if not whole.exists():
        sample_file(tmp_path, kind)
    content = bytearray(whole.read_bytes())
    for position, value in flips:
        content[position] = value
    path = whole.with_stem("damaged")
    path.write_bytes(content[:kept])
    with suppress(AudioError):
        waveform = load_audio(path)
        assert waveform.ndim == 1
        assert waveform.size
        assert np.isfinite(waveform).all()


# Arrays

DTYPES = ["int8", "int16", "int32", "uint8", "uint16", "uint32", "float16", "float32", "float64"]


@settings(max_examples=150, deadline=None)
@given(
    length=st.integers(1, 10_000),
    channels=st.none() | st.integers(1, 8),
    channels_first=st.booleans(),
    dtype=st.sampled_from(DTYPES),
    rate=st.sampled_from(RATES),
)
@example(length=1, channels=None, channels_first=True, dtype="int16", rate=192_000)
def test_any_array_becomes_mono(length: int, channels: int | None, channels_first: bool, dtype: str, rate: int) -> None:
    samples = np.random.default_rng(length).uniform(-0.5, 0.5, (channels or 1, max(length, channels or 1)))
    kind = np.dtype(dtype)
    if kind.kind == "f":
        given = samples.astype(kind)
    else:
        full_scale = 2.0 ** (8 * kind.itemsize - 1)
        given = (np.floor(samples * full_scale) + (full_scale if kind.kind == "u" else 0)).astype(kind)
    given = given[0] if channels is None else given if channels_first else given.T
    # A square array is read with its channels first.
    expected = samples.mean(axis=0 if given.ndim == 1 or channels_first or samples.shape[0] < samples.shape[1] else 1)
    count = int(np.floor(len(expected) * 16_000 / rate + 0.5))
    if count == 0:
        with pytest.raises(AudioError, match="shorter"):
            as_mono(given, rate)
        return
    result = as_mono(given, rate)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    assert abs(len(result) - len(expected) * 16_000 / rate) <= 0.5 + 1e-6
    if rate == 16_000:
        np.testing.assert_allclose(result, expected, atol=2 / 128 if kind.itemsize == 1 else 1e-3)


def test_full_scale_of_integers() -> None:
    for dtype in ("int8", "int16", "int32"):
        limits = np.iinfo(dtype)
        np.testing.assert_allclose(as_mono(np.array([limits.min, 0, limits.max], dtype), 16_000), [-1, 0, 1], atol=0.01)
    np.testing.assert_allclose(as_mono(np.array([0, 128, 255], np.uint8), 16_000), [-1, 0, 1], atol=0.01)


def test_what_needs_no_change_is_copied_unless_that_is_not_asked_for() -> None:
    samples = np.linspace(-0.5, 0.5, 100, dtype=np.float32)
    assert not np.shares_memory(as_mono(samples, 16_000), samples)
    assert np.shares_memory(as_mono(samples, 16_000, copy=False), samples)
    assert not np.shares_memory(as_mono(samples, 8_000, copy=False), samples)


def test_long_recordings_are_looked_at_and_written_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waveform = np.random.default_rng(0).uniform(-1.1, 1.1, 50_000).astype(np.float32)
    for name in ("whole", "blocks"):
        for kind in ("wav", "flac"):
            save_audio(tmp_path / f"{name}.{kind}", waveform)
        save_audio(tmp_path / f"{name}-float.wav", waveform, float32=True)
        monkeypatch.setattr(samples_module, "BLOCK", 999)
    for kind in (".wav", ".flac", "-float.wav"):
        assert (tmp_path / f"blocks{kind}").read_bytes() == (tmp_path / f"whole{kind}").read_bytes()
    waveform[[5, 49_999]] = np.nan
    with pytest.raises(AudioError, match="2 of its samples are NaN"):
        save_audio(tmp_path / "bad.wav", waveform)
    with pytest.raises(AudioError, match="up to 7;"):
        as_mono(np.full(3_000, 7.0), 16_000)


def test_tensors_are_arrays_too() -> None:
    samples = torch.linspace(-0.5, 0.5, 100)
    np.testing.assert_array_equal(as_mono(samples.requires_grad_(), 16_000), samples.detach().numpy())
    np.testing.assert_allclose(as_mono(samples.to(torch.bfloat16), 16_000), samples.detach(), atol=2e-3)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros(0), "no samples"),
        (np.zeros((2, 0)), "no samples"),
        (np.zeros(10, bool), "bool"),
        (np.zeros(10, complex), "complex"),
        (np.zeros(10, np.int64), "int64"),
        (np.array(["speech"]), "type of samples"),
        ([[1.0, 2.0], [3.0]], "array of samples"),
        (np.zeros((1, 2, 30)), "two axes"),
        (np.float32(0.5), "shape"),
        (np.array([0.0, np.nan]), "1 of its samples is NaN"),
        (np.array([0.0, np.inf, -np.inf]), "2 of its samples are NaN"),
        (np.array([0.0, 1e300]), "1e\\+300"),
    ],
)
def test_arrays_that_are_no_speech(array: object, says: str) -> None:
    with pytest.raises(AudioError, match=says):
        as_mono(array, 16_000)


def test_an_array_needs_its_rate() -> None:
    with pytest.raises(AudioError, match="give it in Hz"):
        as_mono(np.zeros(10), None)  # type: ignore[arg-type]
    with pytest.raises(AudioError, match="2000 Hz"):
        as_mono(np.zeros(10), 2_000)
    with pytest.raises(AudioError, match=r"clip 3: .* 2000 Hz"):
        as_mono(np.zeros(10), 2_000, name="clip 3")


# Writing


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_sixteen_bits_return_bit_for_bit(tmp_path: Path, suffix: str) -> None:
    samples = np.arange(-32_768, 32_768, dtype=np.int16)
    path = write(tmp_path / f"a{suffix}", samples, 16_000)
    save_audio(tmp_path / f"b{suffix}", load_audio(path), 16_000)
    np.testing.assert_array_equal(soundfile.read(tmp_path / f"b{suffix}", dtype="int16")[0], samples)
    assert audio_info(tmp_path / f"b{suffix}").subtype == "PCM_16"


def test_float_samples_on_request_and_clipping(tmp_path: Path) -> None:
    waveform = np.array([-3.0, -1.0, 0.1, 1.0, 3.0], np.float32)
    save_audio(tmp_path / "float.wav", waveform, 24_000, float32=True)
    np.testing.assert_array_equal(load_audio(tmp_path / "float.wav", 24_000), waveform.clip(-1, 1))
    save_audio(tmp_path / "short.wav", torch.from_numpy(waveform)[None], 24_000)
    np.testing.assert_allclose(load_audio(tmp_path / "short.wav", 24_000), waveform.clip(-1, 1), atol=4e-5)


@pytest.mark.parametrize(
    ("name", "waveform", "says"),
    [
        ("speech.mp3", np.zeros(10), "cannot write '.mp3'"),
        ("speech", np.zeros(10), "cannot write ''"),
        ("absent/speech.wav", np.zeros(10), "make it first"),
        ("speech.wav", np.zeros(0), "one waveform"),
        ("speech.wav", np.zeros((2, 10)), "one waveform"),
        ("speech.wav", np.zeros(10, np.int16), "floats"),
        ("speech.wav", np.array([np.nan]), "NaN"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, name: str, waveform: np.ndarray, says: str) -> None:
    with pytest.raises(AudioError, match=says):
        save_audio(tmp_path / name, waveform, 16_000)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "speech.wav"
    save_audio(path, np.zeros(10, np.float32), 16_000)
    before = path.read_bytes()

    def full_disk(file: Path, content: bytes) -> None:
        file.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(AudioError, match=r"speech\.wav: cannot be written \(the disk is full\)"):
        save_audio(path, np.ones(10, np.float32), 16_000)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# Finding


def test_find_audio(tmp_path: Path) -> None:
    names = ["b.wav", "a.FLAC", "deep/er/c.opus", "deep/notes.txt", ".hidden/d.wav", "deep/._c.opus", "odd.bin"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def found(*inputs: str) -> list[str]:
        return [str(path.relative_to(tmp_path)) for path in find_audio([tmp_path / given for given in inputs])]

    assert found("") == ["a.FLAC", "b.wav", "deep/er/c.opus"]
    assert found("odd.bin", "b.wav", "b.wav", "deep/../b.wav") == ["b.wav", "odd.bin"]
    assert found("*.wav", "**/*.opus") == ["b.wav", "deep/er/c.opus"]
    assert found("d*") == ["deep/er/c.opus"]
    assert find_audio(tmp_path / "b.wav") == [tmp_path / "b.wav"]
    for absent, says in [
        ("absent.wav", "no such file"),
        ("*.mp3", "no audio file matches"),
        ("empty", "holds no audio"),
    ]:
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(AudioError, match=says):
            found(absent)


def test_reading_is_bounded_by_the_file_not_its_header(tmp_path: Path) -> None:
    """A header of a thousand channels at 192 kHz and hours long, on a file of some bytes."""
    content = bytearray(sample_file(tmp_path, "wav").read_bytes())
    content[22:24] = (1_000).to_bytes(2, "little")
    content[24:28] = (192_000).to_bytes(4, "little")
    content[40:44] = (0xFFFFFFFF).to_bytes(4, "little")
    (tmp_path / "bomb.wav").write_bytes(content)
    tracemalloc.start()
    with suppress(AudioError):
        load_audio(tmp_path / "bomb.wav")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64e6
