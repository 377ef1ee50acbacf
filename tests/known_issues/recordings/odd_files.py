"""A folder of odd sound files, made with libsndfile, and with ffmpeg and sox where the system has them."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
FFMPEG, SOX = shutil.which("ffmpeg"), shutil.which("sox")


@dataclass(frozen=True)
class OddFile:
    """A file, and how many seconds it has to give; None if it has to be refused as cut short."""

    path: Path
    seconds: float | None
    tolerance: float = 0.0


def speech(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    """Something with the spectrum of speech, so that codecs of variable rate vary: [S] or [S, channels]."""
    samples = round(seconds * rate)
    random = np.random.default_rng(samples + channels)
    time = np.arange(samples) / rate
    tone = sum(np.sin(2 * np.pi * 130 * harmonic * time) / harmonic for harmonic in range(1, 12))
    loudness = 0.5 + 0.5 * np.sin(2 * np.pi * 1.7 * time)
    wave = 0.15 * loudness * tone + 0.02 * (loudness < 0.4) * random.standard_normal(samples)
    return wave if channels == 1 else np.stack([wave * (1 - 0.1 * index) for index in range(channels)], axis=1)


def made_by_libsndfile(folder: Path) -> list[OddFile]:
    """Every format that libsndfile writes, whole and cut; and containers put together or damaged by hand."""
    files = []
    seconds = 16_001 / RATE
    for kind, subtype, channels in KINDS:
        name = f"{kind}-{subtype}-{channels}".lower()
        path = folder / f"{name}.{SUFFIX.get(kind, kind.lower())}"
        soundfile.write(path, speech(seconds, RATE, channels), RATE, subtype, format=kind)
        block = BLOCKS.get((kind, subtype), 0)
        files.append(OddFile(path, seconds, block / RATE))
        if kind not in WITHOUT_LENGTH:
            content = path.read_bytes()
            cut = path.with_stem(f"{name}-cut")
            cut.write_bytes(content[: len(content) * 3 // 4])
            files.append(OddFile(cut, None))
    return files + _by_hand(folder)


KINDS = [
    *(("WAV", subtype, 1) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")),
    *(("WAV", subtype, 2) for subtype in ("PCM_16", "PCM_24", "IMA_ADPCM", "MS_ADPCM")),
    *(("WAV", subtype, 1) for subtype in ("IMA_ADPCM", "MS_ADPCM", "GSM610")),
    *((kind, "PCM_16", channels) for kind in ("WAVEX", "RF64", "W64", "AIFF", "AU") for channels in (1, 2)),
    *((kind, "PCM_16", channels) for kind in ("CAF", "FLAC") for channels in (1, 2)),
    *((kind, "PCM_16", channels) for kind in ("NIST", "AVR", "MAT4", "MAT5", "MPC2K", "VOC") for channels in (1, 2)),
    *((kind, "PCM_16", 1) for kind in ("SVX", "SDS", "HTK")),
    *((kind, "PCM_16", 2) for kind in ("IRCAM", "PAF", "PVF")),
    *(("AIFF", subtype, 1) for subtype in ("ULAW", "FLOAT", "PCM_S8", "IMA_ADPCM")),
    *(("CAF", subtype, 2) for subtype in ("ALAC_16", "FLOAT", "ALAW")),
    *(("OGG", subtype, channels) for subtype in ("VORBIS", "OPUS") for channels in (1, 2)),
    ("W64", "MS_ADPCM", 1), ("NIST", "ULAW", 1), ("MP3", "MPEG_LAYER_III", 1), ("MP3", "MPEG_LAYER_III", 2),
]  # fmt: skip
"""Formats, subtypes and channels that libsndfile writes."""

SUFFIX = {
    "WAVEX": "wav",
    "NIST": "sph",
    "SVX": "iff",
    "IRCAM": "sf",
    "MPC2K": "snd",
    "MAT4": "wav",
    "MAT5": "wav",
    "HTK": "wav",
}
WITHOUT_LENGTH = {"IRCAM", "PAF", "PVF"}
BLOCKS = {("AIFF", "IMA_ADPCM"): 64, ("WAV", "IMA_ADPCM"): 505, ("W64", "MS_ADPCM"): 500}
"""Samples in a block, of formats that do not keep how many of its last block are sound."""


def _by_hand(folder: Path) -> list[OddFile]:
    files: list[OddFile] = []
    one, two = 16_001 / RATE, 32_002 / RATE

    def add(name: str, content: bytes, seconds: float | None, tolerance: float = 0.0) -> None:
        path = folder / name
        path.write_bytes(content)
        files.append(OddFile(path, seconds, tolerance))

    def content(name: str) -> bytes:
        return next(folder.glob(f"{name}.*")).read_bytes()

    wav = content("wav-pcm_16-1")
    size = len(wav) - 44
    note = b"LIST\x1a\0\0\0INFOISFT\x0d\0\0\0Lavf60.0.100\0\0"

    def sized(data: int, riff: int | None = None, tail: bytes = b"") -> bytes:
        total = len(wav) + len(tail) - 8 if riff is None else riff
        return wav[:4] + total.to_bytes(4, "little") + wav[8:40] + data.to_bytes(4, "little") + wav[44:] + tail

    add("data-half.wav", sized(size // 2), one)
    add("data-half-odd.wav", sized(size // 2 + 1), one)
    add("data-half-with-list.wav", sized(size // 2, tail=note), one)
    add("data-minus-two.wav", sized(size - 2), one)
    add("data-zero.wav", sized(0), one)
    add("data-zero-both.wav", sized(0, 0), one)
    add("data-zero-with-list.wav", sized(0, tail=note), one)
    add("data-plus-two.wav", sized(size + 2), one)
    add("data-counts-header.wav", sized(size + 44), one)
    add("data-twice-riff-right.wav", sized(2 * size), one)
    add("data-all-ones.wav", sized(0xFFFFFFFF, 0xFFFFFFFF), one)
    add("data-twice-both.wav", sized(2 * size, 2 * size + 36), None)
    add("list-behind.wav", sized(size, tail=note), one)
    add("id3v1-behind.wav", wav + b"TAG" + bytes(125), one)
    add("two-in-a-row.wav", wav + wav, two)
    id3 = b"ID3\x03\0\0\0\0\x01\0" + bytes(128)
    add("id3-before.wav", id3 + wav, one)
    for kind, at, length in (
        ("au-pcm_16-1", 8, 4),
        ("rf64-pcm_16-1", 28, 8),
        ("w64-pcm_16-1", 0, 8),
        ("aiff-pcm_16-1", 0, 4),
    ):
        whole = content(kind)
        if kind.startswith("w64"):
            at = whole.index(b"data\xf3\xac") + 16
        if kind.startswith("aiff"):
            at = whole.index(b"SSND") + 4
        order = "big" if kind[0] == "a" else "little"
        number = int.from_bytes(whole[at : at + length], order)
        for name, value in (("half", number // 2 & ~1), ("zero", 0)):
            changed = whole[:at] + value.to_bytes(length, order) + whole[at + length :]
            add(f"{kind}-{name}.{kind.split('-')[0]}", changed, one)
    caf = content("caf-pcm_16-1")
    at = caf.index(b"data") + 4
    add("caf-unknown.caf", caf[:at] + b"\xff" * 8 + caf[at + 8 :], one)

    flac = content("flac-pcm_16-1")
    ape = b"APETAGEX" + (2000).to_bytes(4, "little") + (40).to_bytes(4, "little") + bytes(16)
    add("id3v1.flac", flac + b"TAG" + b"x" * 125, one)
    add("ape.flac", flac + b"\x08\0\0\0\0\0\0\0ab" + ape, one)
    add("id3v2.flac", id3 + flac, one)
    add("two-in-a-row.flac", flac + flac, two)
    unknown = bytearray(flac)
    unknown[21] &= 0xF0
    unknown[22:26] = bytes(4)
    add("unknown.flac", bytes(unknown), one)

    for kind in ("ogg-vorbis", "ogg-opus"):
        first, second = content(f"{kind}-1"), content(f"{kind}-2")
        add(f"{kind}-chained.ogg", first + first, two)
        add(f"{kind}-chained-mono-stereo.ogg", first + second, two)
        add(f"{kind}-chained-cut.ogg", first + second[:-100], None)
        damaged = bytearray(first)
        damaged[len(first) // 2] ^= 0xFF
        add(f"{kind}-damaged.ogg", bytes(damaged), None)
    mixed = content("ogg-vorbis-1") + content("ogg-opus-2")
    add("chained-vorbis-opus.ogg", mixed, two)

    mp3 = content("mp3-mpeg_layer_iii-1")
    add("two-in-a-row.mp3", mp3 + mp3, two)
    add("two-with-tags.mp3", id3 + mp3 + b"TAG" + bytes(125) + id3 + mp3 + b"TAG" + bytes(125), two)
    add("zeros-before.mp3", bytes(600) + mp3, one)
    add("zeros-behind.mp3", mp3 + bytes(3000), one)
    add("mono-stereo.mp3", mp3 + content("mp3-mpeg_layer_iii-2"), two)
    return files


def made_by_ffmpeg(folder: Path) -> list[OddFile]:
    """MPEG audio of all layers and rates without information frames, MP3 in WAV, ADPCM, streams to pipes, chains."""
    if FFMPEG is None:
        return []
    files = []
    wave = folder / "for-ffmpeg.wav"
    for name, options, rate, channels in FFMPEG_KINDS:
        soundfile.write(wave, speech(1.3, rate, channels), rate)
        path = folder / f"ffmpeg-{name}"
        run = [FFMPEG, "-v", "error", "-y", "-i", str(wave), *options, str(path)]
        if subprocess.run(run, capture_output=True, check=False).returncode == 0 and path.stat().st_size > 100:
            files.append(OddFile(path, _decoded_seconds(path, rate)))
    wave.unlink()
    return files


_MP3 = ["-c:a", "libmp3lame"]
FFMPEG_KINDS = [
    *((f"vbr-{rate}-{channels}.mp3", [*_MP3, "-q:a", "4", "-write_xing", "0"], rate, channels)
      for rate in (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000) for channels in (1, 2)),
    *((f"cbr-{kbps}.mp3", [*_MP3, "-b:a", f"{kbps}k", "-write_xing", "0"], 16_000, 1) for kbps in (8, 16, 32, 64, 160)),
    *((f"xing-{rate}.mp3", [*_MP3, "-q:a", "5"], rate, 1) for rate in (16_000, 44_100)),
    ("abr.mp3", [*_MP3, "-abr", "1", "-b:a", "48k", "-write_xing", "0", "-id3v2_version", "0"], 22_050, 2),
    ("xing-id3v1.mp3", [*_MP3, "-q:a", "5", "-write_id3v1", "1", "-metadata", "title=x"], 16_000, 1),
    *((f"layer2-{rate}.mp2", ["-c:a", "mp2", "-b:a", "64k"], rate, 1) for rate in (16_000, 22_050, 44_100, 48_000)),
    ("layer2-stereo.mpga", ["-c:a", "mp2", "-b:a", "128k", "-f", "mp2"], 44_100, 2),
    ("mp3-in.wav", [*_MP3, "-b:a", "32k"], 16_000, 1),
    ("mp3-in-vbr.wav", [*_MP3, "-q:a", "3"], 44_100, 2),
    ("pcm-pipe.wave", ["-f", "wav", "-flags", "bitexact", "-seekable", "0"], 16_000, 1),
    ("pcm.w64", ["-f", "w64"], 16_000, 2),
    ("rf64.wav", ["-rf64", "always"], 16_000, 2),
    ("pcm-be.aiff", [], 44_100, 2),
    ("sowt.aifc", ["-c:a", "pcm_s16le", "-f", "aiff"], 44_100, 1),
    ("s24.caf", ["-c:a", "pcm_s24be"], 48_000, 1),
    ("mulaw.au", ["-c:a", "pcm_mulaw"], 8_000, 1),
    ("vorbis.ogg", ["-c:a", "libvorbis", "-q:a", "3"], 44_100, 2),
    ("opus.opus", ["-c:a", "libopus", "-b:a", "24k"], 48_000, 1),
    ("flac-in.oga", ["-c:a", "flac", "-f", "ogg"], 16_000, 1),
    ("six-channels.oga", ["-c:a", "flac", "-f", "ogg"], 48_000, 6),
    ("blocks.voc", ["-f", "voc"], 16_000, 2),
    ("s24.flac", ["-c:a", "flac", "-sample_fmt", "s32"], 96_000, 1),
]  # fmt: skip


def _decoded_seconds(path: Path, rate: int) -> float | None:
    """How long ffmpeg finds a file to be; None if it fails."""
    assert FFMPEG is not None
    run = [FFMPEG, "-v", "error", "-i", str(path), "-map", "0:a:0", "-ac", "1", "-ar", str(rate), "-f", "s16le", "-"]
    done = subprocess.run(run, capture_output=True, check=False)
    return len(done.stdout) / 2 / rate if done.returncode == 0 else None


def made_by_sox(folder: Path) -> list[OddFile]:
    """Formats that sox writes in its own way, streams to a pipe among them."""
    if SOX is None:
        return []
    files = []
    wave = folder / "for-sox.wav"
    soundfile.write(wave, speech(1.3, RATE), RATE)
    for name, options in SOX_KINDS:
        path = folder / f"sox-{name}"
        if subprocess.run([SOX, str(wave), *options, str(path)], capture_output=True, check=False).returncode == 0:
            files.append(OddFile(path, 1.3, 505 / RATE if "adpcm" in name or "gsm" in name else 0.0))
    for kind in ("wav", "au", "flac", "aiff", "sph"):
        run = subprocess.run([SOX, str(wave), "-t", kind, "-"], capture_output=True, check=False)
        if run.returncode == 0:
            path = folder / f"sox-pipe.{kind}"
            path.write_bytes(run.stdout)
            files.append(OddFile(path, 1.3))
    wave.unlink()
    return files


SOX_KINDS = [
    ("ima-adpcm.wav", ["-e", "ima-adpcm"]),
    ("ms-adpcm.wav", ["-e", "ms-adpcm"]),
    ("gsm.wav", ["-e", "gsm-full-rate"]),
    ("mulaw.sph", ["-e", "mu-law"]),
    ("big.aifc", []),
    ("odd.aiff", ["-b", "8"]),
    ("24.w64", ["-b", "24"]),
    ("float.au", ["-e", "floating-point"]),
    ("pcm.caf", []),
    ("pcm.avr", []),
    ("pcm.voc", []),
    ("pcm.sf", []),
    ("pcm.wve", []),
    ("vorbis.ogg", []),
]
