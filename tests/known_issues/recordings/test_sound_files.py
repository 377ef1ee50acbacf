"""Sound files come whole or not at all, whatever their headers say, and `audio_info` agrees with `load_audio`."""

import subprocess
import sys
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.known_issues.recordings.odd_files import OddFile, made_by_ffmpeg, made_by_libsndfile, made_by_sox, speech
from wavcube.audio import as_mono, audio_info, load_audio, save_audio
from wavcube.errors import AudioError, AudioWarning


def lengths(file: OddFile) -> tuple[float, float] | None:
    """Seconds by `audio_info` and by `load_audio`; None if both refuse the file, with one warning at most."""
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        try:
            info = audio_info(file.path)
        except AudioError:
            info = None
        said = len(noted)
        try:
            waveform = load_audio(file.path, info.sample_rate if info else 16_000)
        except AudioError:
            waveform = None
    assert len(noted) - said <= 1, file.path.name
    if waveform is None:
        return None
    assert info is not None, file.path.name
    return info.seconds, len(waveform) / info.sample_rate


def check(files: list[OddFile]) -> None:
    wrong = []
    for file in files:
        found = lengths(file)
        if file.seconds is None or found is None:
            right = found is None and file.seconds is None
        else:
            right = found[0] == found[1] and abs(found[1] - file.seconds) <= file.tolerance + 1e-4
        if not right:
            wrong.append((file.path.name, file.seconds, found))
    assert not wrong


def test_files_of_libsndfile_whole_cut_chained_and_with_wrong_sizes(tmp_path: Path) -> None:
    files = made_by_libsndfile(tmp_path)
    assert len(files) > 120
    check(files)


def test_files_of_ffmpeg_are_as_long_as_ffmpeg_finds_them(tmp_path: Path) -> None:
    files = made_by_ffmpeg(tmp_path)
    if not files:
        pytest.skip("needs ffmpeg")
    check(files)


def test_files_of_sox(tmp_path: Path) -> None:
    files = made_by_sox(tmp_path)
    if not files:
        pytest.skip("needs sox")
    check(files)


def chain_without_end_flag(path: Path, subtype: str) -> np.ndarray:
    """Write an Ogg file without the end-of-stream flag; return the samples that the same file with it has."""
    from wavcube.audio.containers.ogg import _checksum

    soundfile.write(path, speech(1.0, 16_000), 16_000, subtype, format="OGG")
    whole = load_audio(path)
    content = bytearray(path.read_bytes())
    last = content.rindex(b"OggS")
    content[last + 5] &= ~4
    content[last + 22 : last + 26] = bytes(4)
    content[last + 22 : last + 26] = _checksum(bytes(content[last:])).to_bytes(4, "little")
    path.write_bytes(content)
    return whole


@pytest.mark.parametrize("subtype", ["OPUS", "VORBIS"])
def test_ogg_without_an_end_flag_is_read_with_one_warning(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "a.ogg"
    whole = chain_without_end_flag(path, subtype)
    with pytest.warns(AudioWarning, match="not marked as the last") as noted:
        np.testing.assert_array_equal(load_audio(path), whole)
    assert len(noted) == 1


@pytest.mark.parametrize("kind", ["IRCAM", "PAF", "PVF"])
def test_formats_that_keep_no_length_say_so(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.sound"
    soundfile.write(path, speech(1.0, 16_000), 16_000, "PCM_16", format=kind)
    with pytest.warns(AudioWarning, match="nothing can show whether it is whole"):
        assert len(load_audio(path)) == 16_000


@pytest.mark.parametrize("kind", ["vbr", "concatenated"])
def test_samples_of_mp3_are_those_of_its_frames(tmp_path: Path, kind: str) -> None:
    """Counting the frames must not shift or change the sound."""
    path = tmp_path / "a.mp3"
    soundfile.write(path, speech(2.0, 16_000), 16_000, format="MP3")
    whole = load_audio(path)
    content = path.read_bytes()
    if kind == "concatenated":
        path.write_bytes(content + content)
        np.testing.assert_array_equal(load_audio(path), np.tile(whole, 2))
    else:
        information = content.index(b"Xing") if b"Xing" in content else content.index(b"Info")
        first = content.index(b"\xff", 0)
        second = content.index(content[first : first + 2], information)
        path.write_bytes(content[second:])
        bare = load_audio(path)
        assert len(bare) % 576 == 0
        assert len(bare) >= len(whole) + 576
        delay = int(np.correlate(bare[:20_000], whole[:10_000], "valid").argmax())
        np.testing.assert_allclose(bare[delay : delay + 30_000], whole[:30_000], atol=2e-3)


def test_a_lost_frame_in_the_middle_of_an_mp3_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, speech(2.0, 16_000), 16_000, format="MP3")
    content = bytearray(path.read_bytes())
    middle = content.index(content[len(content) // 2 :][:1] and b"\xff", len(content) // 2)
    while (content[middle + 1] & 0xE0) != 0xE0:
        middle = content.index(b"\xff", middle + 1)
    content[middle : middle + 2] = b"\x55\x55"
    path.write_bytes(content)
    with pytest.raises(AudioError, match="damaged"):
        load_audio(path)


def test_nothing_is_printed_by_the_decoders(tmp_path: Path) -> None:
    for name in ("a.mp3", "b.mp3"):
        soundfile.write(tmp_path / name, speech(1.0, 16_000), 16_000, format="MP3")
    content = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "a.mp3").write_bytes(content + content)
    code = "import sys, wavcube; [wavcube.load_audio(path) for path in sys.argv[1:]]"
    run = subprocess.run(
        [sys.executable, "-c", code, *map(str, tmp_path.glob("*.mp3"))], capture_output=True, text=True, check=True
    )
    assert run.stderr == ""


# Levels, types and channels


@pytest.mark.parametrize("how", ["file", "array"])
def test_channels_in_antiphase_do_not_vanish(tmp_path: Path, how: str) -> None:
    wave = speech(1.0, 16_000).astype(np.float32)
    stereo = np.stack([wave, -wave], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, 16_000, "FLOAT")
    with pytest.warns(AudioWarning, match="channel 1 alone"):
        found = load_audio(tmp_path / "a.wav") if how == "file" else as_mono(stereo, 16_000)
    np.testing.assert_allclose(found, wave, atol=1e-6)


def test_unrelated_channels_are_still_averaged(recwarn: pytest.WarningsRecorder) -> None:
    noise = np.random.default_rng(0).standard_normal((16, 20_000)).astype(np.float32) / 10
    np.testing.assert_allclose(as_mono(noise, 16_000), noise.mean(0), atol=1e-6)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.array([100, -3_000, 32_000], np.int32), "16-bit"),
        (np.array([0, 200, 90], np.uint16), "8-bit"),
        (np.array([100.0, -31.0, 40.0]), "40|100"),
        (np.array([2.0, -3.0, 4.0], np.float32), "full scale"),
        (np.ma.masked_array([0.1, 0.2, 0.3], [False, True, False]), "1 of its samples are masked"),
    ],
)
def test_arrays_at_another_scale_or_with_a_mask_are_refused(array: np.ndarray, says: str) -> None:
    with pytest.raises(AudioError, match=says):
        as_mono(array, 16_000)


def test_a_mask_that_masks_nothing_is_no_matter() -> None:
    assert len(as_mono(np.ma.masked_array([0.1, 0.2, 0.3], False), 16_000)) == 3


# What else can be read


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview", "BytesIO", "open file", "unseekable"])
def test_bytes_and_file_objects(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, speech(1.0, 16_000), 16_000)
    content = path.read_bytes()

    class Pipe:
        def __init__(self) -> None:
            self.file = BytesIO(content)

        def read(self, count: int = -1) -> bytes:
            return self.file.read(count)

    with path.open("rb") as file:
        given = {
            "bytes": content,
            "bytearray": bytearray(content),
            "memoryview": memoryview(content),
            "BytesIO": BytesIO(content),
            "open file": file,
            "unseekable": Pipe(),
        }[kind]
        np.testing.assert_array_equal(load_audio(given), load_audio(path))


def test_a_file_object_of_text_and_other_things_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no sound")
    with (tmp_path / "a.txt").open() as file, pytest.raises(AudioError, match="'rb'"):
        load_audio(file)
    with pytest.raises(AudioError, match="a dict is no recording"):
        load_audio({})
    with pytest.raises(AudioError, match="the bytes given: is empty"):
        load_audio(b"")


@pytest.mark.parametrize("rate", [8_000.7, 16_000.5])
def test_a_file_has_a_whole_number_of_samples_a_second(tmp_path: Path, rate: float) -> None:
    with pytest.raises(AudioError, match="whole number"):
        save_audio(tmp_path / "a.wav", np.zeros(100, np.float32), rate)  # type: ignore[arg-type]
    save_audio(tmp_path / "a.wav", np.zeros(100, np.float32), 16_000.0)  # type: ignore[arg-type]
