"""Crops: which part of a recording, how loud, how long, and what counts as unusable."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.data.tones import RATE, tone
from wavcube.audio.io import as_mono, load_audio
from wavcube.data.clip import Clip
from wavcube.data.streaming.crops import Cropper, OutsideLimits, check_clip
from wavcube.errors import AudioError


def cropper(samples: int = 4000, *, train: bool = True, peak_db: float = 0.0, **limits: object) -> Cropper:
    return Cropper(samples, train, peak_db, peak_db, **limits)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def clip_of(path: Path, **where: object) -> Clip:
    return Clip(path.name, path, **where)


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    """One second in which sample `n` is `n / 32768`: a crop shows where it begins."""
    path = tmp_path / "ramp.flac"
    soundfile.write(path, np.arange(RATE, dtype=np.int16), RATE)
    return path


def begin_of(waveform: np.ndarray) -> int:
    """First sample of a crop of the ramp, whatever its gain: steps are constant, so value / step is the number."""
    return round(float(waveform[0]) / float(np.diff(waveform).mean()))


@pytest.mark.parametrize("suffix", [".flac", ".wav"])
def test_only_the_part_is_read_and_it_is_the_same_as_of_the_whole(tmp_path, suffix):
    path = tmp_path / f"noise{suffix}"
    soundfile.write(path, rng().uniform(-0.5, 0.5, 5 * RATE), RATE)
    whole = load_audio(path)
    for seed in range(20):
        crop = cropper().cut(clip_of(path), rng(seed)).waveform
        crop = crop / crop[0]
        begin = np.flatnonzero(np.isclose(whole[:-3999] * crop[1], whole[1:-3998], rtol=1e-4, atol=0))
        assert any(np.allclose(whole[i : i + 4000] / whole[i], crop, rtol=1e-4) for i in begin)


def test_training_crops_begin_anywhere_and_validation_at_the_start(ramp):
    begins = {begin_of(cropper().cut(clip_of(ramp), rng(seed)).waveform) for seed in range(40)}
    assert len(begins) > 35
    assert min(begins) < 2000
    assert 10_000 < max(begins) <= 12_000
    assert cropper(train=False).cut(clip_of(ramp), rng(3)).waveform[:3].tolist() == pytest.approx(
        [0.0, 1 / 3999, 2 / 3999]
    )


def test_the_last_possible_start_is_drawn(ramp):
    begins = {begin_of(cropper(RATE - 1).cut(clip_of(ramp), rng(seed)).waveform) for seed in range(20)}
    assert begins == {0, 1}


def test_a_cut_of_a_recording_stays_within_its_limits(ramp):
    for seed in range(30):
        crop = cropper(1600).cut(clip_of(ramp, start=0.25, seconds=0.2), rng(seed))
        assert 4000 <= begin_of(crop.waveform) <= 4000 + 3200 - 1600


def test_short_clips_are_repeated_in_training_and_padded_in_validation(ramp):
    clip = clip_of(ramp, start=0.5, seconds=0.1)
    tiled = cropper(4000).cut(clip, rng())
    assert tiled.length == 4000
    np.testing.assert_array_equal(tiled.waveform[:1600], tiled.waveform[1600:3200])
    np.testing.assert_array_equal(tiled.waveform[:800], tiled.waveform[3200:])
    padded = cropper(4000, train=False).cut(clip, rng())
    assert padded.length == 1600
    assert padded.waveform[:1600].any()
    assert not padded.waveform[1600:].any()


def test_the_peak_is_drawn_from_its_range(ramp):
    peaks = [
        20 * np.log10(np.abs(Cropper(4000, True, -6.0, -1.0).cut(clip_of(ramp), rng(seed)).waveform).max())
        for seed in range(200)
    ]
    assert -6.01 < min(peaks) < -5.8
    assert -1.2 < max(peaks) < -0.99
    assert np.mean(peaks) == pytest.approx(-3.5, abs=0.3)


def test_silence_stays_silence(tmp_path):
    path = tmp_path / "dither.wav"
    soundfile.write(path, rng().uniform(-3e-5, 3e-5, RATE), RATE)
    assert np.abs(cropper().cut(clip_of(path), rng()).waveform).max() < 1e-4
    soundfile.write(path, np.zeros(RATE), RATE)
    assert not cropper().cut(clip_of(path), rng()).waveform.any()


@pytest.mark.parametrize("rate", [8000, 22_050, 48_000])
def test_other_rates_are_converted(tmp_path, rate):
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(5, 1.0, rate), rate)
    crop = cropper(8000, train=False).cut(clip_of(path), rng())
    assert (crop.waveform.size, crop.length) == (8000, 8000)
    expected = as_mono(tone(5, 1.0, rate), rate)[:7000]
    measured = crop.waveform[:7000]
    assert np.corrcoef(expected, measured)[0, 1] > 0.9999
    with pytest.raises(AudioError, match=f"is at {rate} Hz, and `resample` is off"):
        cropper(resample=False).cut(clip_of(path), rng())


def test_channels(tmp_path):
    path = tmp_path / "two.wav"
    left, right = tone(1, 0.5), tone(9, 0.5)
    soundfile.write(path, np.stack([left, right], axis=1), RATE)
    one = cropper(8000, train=False)
    for channel, expected in ((None, (left + right) / 2), (0, left), (1, right)):
        crop = one.cut(clip_of(path, channel=channel), rng()).waveform
        assert np.corrcoef(crop, expected)[0, 1] > 0.999
    with pytest.raises(AudioError, match="has 2 channels, the list asks for channel 2"):
        one.cut(clip_of(path, channel=2), rng())


def test_encoded_bytes_are_read_like_files(ramp):
    clip = clip_of(ramp)
    from_bytes = Clip(clip.name, ramp, audio=ramp.read_bytes())
    np.testing.assert_array_equal(cropper().cut(clip, rng(5)).waveform, cropper().cut(from_bytes, rng(5)).waveform)


def test_a_stream_of_unknown_length_is_read_whole(ramp):
    # The total of samples in FLAC's STREAMINFO is the 36 bits before the MD5 sum; 0 says unknown.
    data = bytearray(ramp.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    ramp.write_bytes(data)
    expected = load_audio(ramp)[:4000] / np.float32(3999 / 32768)
    for clip in (clip_of(ramp), Clip("bytes", ramp, audio=bytes(data))):
        np.testing.assert_allclose(cropper(train=False).cut(clip, rng()).waveform, expected, rtol=1e-5)
    within = cropper(1600).cut(clip_of(ramp, start=0.5, seconds=0.1), rng()).waveform
    assert begin_of(within) == 8000


def test_mp3_is_not_searched(tmp_path, capfd):
    path = tmp_path / "tone.mp3"
    soundfile.write(path, rng().uniform(-0.3, 0.3, 5 * RATE), RATE)
    whole = load_audio(path)
    for seed in range(10):
        crop = cropper().cut(clip_of(path), rng(seed)).waveform
        place = np.argmax(np.correlate(whole, crop, "valid"))
        assert np.corrcoef(whole[place : place + 4000], crop)[0, 1] > 0.999999
    assert capfd.readouterr().err == ""


def test_unusable_recordings(tmp_path, ramp):
    def reject(clip: Clip, message: str) -> None:
        with pytest.raises(AudioError, match=message):
            cropper().cut(clip, rng())

    reject(Clip("gone", tmp_path / "gone.flac"), "gone.flac: no such file")
    text = tmp_path / "text.wav"
    text.write_text("no audio at all")
    reject(clip_of(text), "is damaged, or no audio")
    reject(Clip("empty", text, audio=b""), "empty: is damaged, or no audio")
    cut_short = tmp_path / "cut.flac"
    soundfile.write(cut_short, rng().uniform(-0.5, 0.5, RATE), RATE)
    cut_short.write_bytes(cut_short.read_bytes()[:16_000])
    with pytest.raises(AudioError, match="was cut short"):
        cropper(RATE).cut(clip_of(cut_short), rng())
    brief = tmp_path / "brief.wav"
    soundfile.write(brief, np.ones(399, np.float32), RATE)
    reject(clip_of(brief), "too short, 0.0249 s; the model needs 400 samples")
    nan = tmp_path / "nan.wav"
    soundfile.write(nan, np.full(RATE, np.nan, np.float32), RATE, subtype="FLOAT")
    reject(clip_of(nan), "NaN")
    reject(clip_of(ramp, start=0.5, seconds=0.7), "ends at 1.00 s, the list asks for up to 1.20 s")
    reject(clip_of(ramp, start=2.0), "too short, 0.0000 s")


def test_a_list_may_round_durations_up(ramp):
    assert cropper(4000, train=False).cut(clip_of(ramp, start=0.9, seconds=0.15), rng()).length == 1600


def test_limits_are_checked_before_and_after_opening(ramp):
    limited = cropper(min_seconds=0.5, max_seconds=0.8)
    with pytest.raises(OutsideLimits, match=r"1 s is longer than max_seconds"):
        limited.cut(clip_of(ramp), rng())
    with pytest.raises(OutsideLimits, match=r"0\.3 s is shorter than min_seconds"):
        limited.cut(Clip("x", Path("not even there"), 0.0, 0.3), rng())
    limited.cut(clip_of(ramp, seconds=0.6), rng())


def test_check_clip_reads_the_header(ramp, tmp_path):
    check_clip(clip_of(ramp))
    with pytest.raises(AudioError, match="asks for up to"):
        check_clip(clip_of(ramp, seconds=3.0))
    with pytest.raises(AudioError, match="no such file"):
        check_clip(clip_of(tmp_path / "gone.wav"))
