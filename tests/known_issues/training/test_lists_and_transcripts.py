"""Lists that one command reads and another refused, transcripts with a byte order mark, recordings listed twice by two
spellings, texts without words."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from tests.understanding import corpora
from wavcube.audio.io import save_audio
from wavcube.errors import DataError, WavCubeError
from wavcube.understanding import TASKS
from wavcube.understanding.check import check_data


def recording(path: Path, seconds: float = 0.5) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_audio(path, np.random.default_rng(0).uniform(-0.1, 0.1, round(seconds * 16_000)).astype(np.float32), 16_000)
    return path


def names(table: object) -> list[str]:
    return [clip.path.name for clip in table]


# Byte order marks


def test_a_byte_order_mark_before_a_transcript(tmp_path: Path) -> None:
    from wavcube.data.prepare.folder import find_folder

    recording(tmp_path / "name.wav")
    (tmp_path / "name.txt").write_bytes("\ufeffline one\nline\ttwo\n\n".encode())
    [clip] = find_folder(tmp_path).clips
    assert clip.transcript == "line one\nline\ttwo\n\n"
    (tmp_path / "name.txt").write_text("line one", encoding="utf-16")
    corpus = find_folder(tmp_path)
    assert corpus.clips[0].transcript is None
    assert f"{tmp_path / 'name.txt'}: is text in UTF-16; save it as UTF-8" in corpus.warnings[0]


def test_a_byte_order_mark_before_librispeech_transcripts(tmp_path: Path) -> None:
    from wavcube.data.manifest import read_clips

    data = corpora.librispeech(tmp_path / "libri", (4, 1, 1))
    for table in data.rglob("*.trans.txt"):
        table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert all(clip.transcript for clip in read_clips(data))
    [corpus] = TASKS["asr"].read(data, TASKS["asr"].recipe)
    assert all(example.target for example in corpus.examples)


def test_a_byte_order_mark_in_a_cell(tmp_path: Path) -> None:
    """As a list has it that was made of files with one."""
    from wavcube.data.manifest import read_clips

    recording(tmp_path / "a.wav")
    (tmp_path / "list.tsv").write_text("\ufeffpath\ttranscript\na.wav\t\ufeffwords\n", encoding="utf-8")
    assert read_clips(tmp_path / "list.tsv")[0].transcript == "words"


# One list for all commands


def lists(folder: Path) -> list[Path]:
    """The same two recordings in every format."""
    rows = [{"path": "a.wav", "seconds": 0.5, "transcript": "six spoons"}, {"path": "b.wav", "transcript": "take"}]
    text = "path\tseconds\ttranscript\na.wav\t0.5\tsix spoons\nb.wav\t\ttake\n"
    (folder / "list.tsv").write_text(text)
    (folder / "list.csv").write_text(text.replace("\t", ","))
    (folder / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "lines.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "list.json").write_text(json.dumps(rows, indent=1))
    (folder / "list.txt").write_text("a.wav\nb.wav\n")
    cuts = [
        {
            "id": name,
            "start": 0,
            "duration": 0.5,
            "channel": 0,
            "supervisions": [{"text": words}],
            "recording": {"id": name, "sources": [{"type": "file", "channels": [0], "source": f"{name}.wav"}]},
        }
        for name, words in (("a", "six spoons"), ("b", "take"))
    ]
    (folder / "cuts.jsonl").write_text("".join(json.dumps(cut) + "\n" for cut in cuts))
    return sorted(path for path in folder.iterdir() if path.suffix != ".wav")


def test_every_list_is_read_by_training_and_by_evaluation(tmp_path: Path) -> None:
    from wavcube.data.config import DataConfig, SourceConfig
    from wavcube.data.manifest import read_clips
    from wavcube.data.streaming.sources import open_clips

    recording(tmp_path / "a.wav")
    recording(tmp_path / "b.wav")
    for path in lists(tmp_path):
        [table] = open_clips(DataConfig([SourceConfig(str(path))]))
        assert names(table) == ["a.wav", "b.wav"], path
        clips = read_clips(path)
        assert [clip.seconds for clip in clips] == [0.5, 0.5], path
        assert [clip.transcript for clip in clips] == ([None] * 2 if path.suffix == ".txt" else ["six spoons", "take"])


def test_parquet(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    from wavcube.data.manifest import read_clips

    recording(tmp_path / "a.wav")
    table = pandas.DataFrame({"path": ["a.wav"], "text": ["words"], "speaker": [7], "start": [0.1], "end": [0.3]})
    table.to_parquet(tmp_path / "list.parquet")
    [clip] = read_clips(tmp_path / "list.parquet")
    assert (clip.transcript, clip.columns["speaker"], clip.start) == ("words", "7", 0.1)
    (tmp_path / "list.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match=r"list\.parquet: is no readable Parquet file"):
        read_clips(tmp_path / "list.parquet")


# Recordings twice


@pytest.mark.parametrize("again", ["./a.wav", "../{0}/a.wav", "{1}/a.wav"])
@pytest.mark.parametrize("kind", ["tsv", "txt", "jsonl"])
def test_the_same_recording_by_another_spelling(tmp_path: Path, again: str, kind: str) -> None:
    from wavcube.data.config import DataConfig, SourceConfig
    from wavcube.data.manifest import read_clips
    from wavcube.data.streaming.sources import open_clips

    recording(tmp_path / "a.wav")
    paths = ["a.wav", again.format(tmp_path.name, tmp_path)]
    path = tmp_path / f"list.{kind}"
    rows = [json.dumps({"path": name}) for name in paths] if kind == "jsonl" else paths
    path.write_text("\n".join(["path", *rows] if kind == "tsv" else rows) + "\n")
    with pytest.raises(DataError, match="list it once"):
        read_clips(path)
    with pytest.raises(DataError, match=r"list it once|are there twice"):
        open_clips(DataConfig([SourceConfig(str(path))]))


def test_the_same_recording_through_a_link(tmp_path: Path) -> None:
    from wavcube.data.manifest import read_clips

    recording(tmp_path / "a.wav")
    (tmp_path / "b.wav").symlink_to("a.wav")
    (tmp_path / "list.txt").write_text("a.wav\nb.wav\n")
    with pytest.raises(DataError, match=r"a\.wav and .*b\.wav are one recording; list it once"):
        read_clips(tmp_path / "list.txt")


def test_one_recording_in_training_and_test_by_two_spellings(tmp_path: Path) -> None:
    for name in "abcdef":
        recording(tmp_path / f"{name}.wav")
    rows = [("a", "train", 1), ("b", "train", 2), ("c", "train", 1), ("d", "train", 2), ("e", "dev", 1)]
    text = "".join(f"{name}.wav\t{split}\tw{word}\n" for name, split, word in rows)
    path = tmp_path / "words.tsv"
    path.write_text(f"path\tsplit\tword\n{text}./a.wav\ttest\tw1\n")
    with pytest.raises(DataError, match=r"a(\.wav)? is in train and in test|are one recording"):
        check_data(TASKS["ks"], path, TASKS["ks"].recipe)


def test_two_recordings_that_only_the_suffix_tells_apart(tmp_path: Path) -> None:
    """Frames are kept by name: those of one would stand for both."""
    recording(tmp_path / "a.wav")
    recording(tmp_path / "a.flac", 0.6)
    path = tmp_path / "words.tsv"
    path.write_text("path\tsplit\tword\na.wav\ttrain\tx\na.flac\ttrain\ty\n")
    with pytest.raises(DataError, match="two recordings have the name a"):
        TASKS["ks"].read(path, TASKS["ks"].recipe)


# Parts that are not there


def test_parts_past_the_end_of_a_recording(tmp_path: Path) -> None:
    rows = []
    for number in range(8):
        recording(tmp_path / f"{number}.wav", 2.0)
        split = ("train", "train", "train", "train", "dev", "dev", "test", "test")[number]
        rows.append(f"{number}.wav\t{split}\tw{number % 2}\t0.5\t{2.5 if number == 3 else 1.5}\n")
    path = tmp_path / "words.tsv"
    path.write_text("path\tsplit\tword\tstart\tend\n" + "".join(rows))
    with pytest.raises(DataError, match=r"1 parts or labels reach over .*: 3@0\.5-2\.5s \(up to 2\.50 s of 2\.00 s\)"):
        check_data(TASKS["ks"], path, TASKS["ks"].recipe)


@pytest.mark.parametrize("table", ["segments", "rttm"])
def test_segments_past_the_end_of_a_recording(tmp_path: Path, table: str) -> None:
    data = corpora.libri2mix(tmp_path, (3, 2, 2))
    path = data / ("test" if table == "rttm" else "train") / table
    lines = path.read_text().splitlines()
    fields = lines[-1].split()
    fields[4 if table == "rttm" else 3] = "9.5"
    path.write_text("\n".join([*lines[:-1], " ".join(fields)]) + "\n")
    with pytest.raises(DataError, match=r"reach over the end of their recordings: .*s of 6\.00 s"):
        check_data(TASKS["sd"], data, TASKS["sd"].recipe)


def test_a_part_in_the_second_of_two_streams(tmp_path: Path) -> None:
    """libsndfile sees the first of chained Ogg streams only."""
    from wavcube import load_audio
    from wavcube.data.clip import Clip, read_clip

    path = tmp_path / "chained.ogg"
    parts = []
    for number in range(2):
        noise = np.random.default_rng(number).uniform(-0.1, 0.1, 16_000).astype(np.float32)
        soundfile.write(tmp_path / f"{number}.ogg", noise, 16_000)
        parts.append((tmp_path / f"{number}.ogg").read_bytes())
    path.write_bytes(b"".join(parts))
    whole = load_audio(path)
    assert len(whole) == 32_000
    np.testing.assert_array_equal(read_clip(Clip("x", path, 1.25, 0.5)), whole[20_000:28_000])


@pytest.mark.filterwarnings("ignore::wavcube.errors.AudioWarning")
def test_crops_of_a_list_without_durations_know_the_whole_recording(tmp_path: Path) -> None:
    """Training took libsndfile's count: half of a chain, nothing of a WAV without sizes, cut files as if complete."""
    from tests.known_issues.recordings.test_sound_files import chain_without_end_flag
    from wavcube.data.clip import Clip
    from wavcube.data.streaming.crops import Cropper, check_clip
    from wavcube.errors import AudioError

    cropper, noise = Cropper(64_000, False, 0.0, 0.0), np.random.default_rng(0).uniform(-0.1, 0.1, 16_000)
    for name, number in {"chained.ogg": 2, "chained.opus": 2, "sizes.wav": 1, "half.wav": 1}.items():
        path = tmp_path / name
        kind = {"format": "OGG", "subtype": "OPUS"} if name.endswith(".opus") else {}
        soundfile.write(path, noise, 16_000, **kind)
        content = bytearray(path.read_bytes() * number)
        if name == "sizes.wav":
            content[4:8] = content[40:44] = bytes(4)
        elif name == "half.wav":
            content[40:44] = (16_000).to_bytes(4, "little")
        path.write_bytes(content)
        assert cropper.cut(Clip("x", path), np.random.default_rng(0)).length == 16_000 * number, name
        check_clip(Clip("x", path))
    whole = chain_without_end_flag(path := tmp_path / "open.opus", "OPUS")
    assert cropper.cut(Clip("x", path), np.random.default_rng(0)).length == len(whole)
    path = tmp_path / "cut.sph"
    soundfile.write(path, noise, 16_000, format="NIST", subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-9000])
    for read in (check_clip, lambda clip: cropper.cut(clip, np.random.default_rng(0))):
        with pytest.raises(AudioError, match="cut short"):
            read(Clip("x", path))


# Texts


def test_what_no_utterance_can_be_used_for_is_said_with_list_and_characters(tmp_path: Path) -> None:
    from wavcube.features import build_feature_extractor
    from wavcube.generation.tts.text.frontend import build_text_frontend
    from wavcube.generation.tts.text.vocabulary import Vocabulary
    from wavcube.generation.tts.training.config import CorpusSettings, DataSettings
    from wavcube.generation.tts.training.dataset import SpeechCorpus, names_of, read_corpora

    for number in range(4):
        recording(tmp_path / f"{number}.wav")
    path = tmp_path / "list.tsv"
    path.write_text("path\ttext\n" + "".join(f"{i}.wav\tä{'ö' * i}\n" for i in range(4)), encoding="utf-8")
    corpora_ = [CorpusSettings(str(path))]
    settings = DataSettings(corpora_, cache=str(tmp_path / "cache"))
    with pytest.raises(DataError) as error:
        SpeechCorpus(
            read_corpora(corpora_),
            build_feature_extractor("logmel"),
            build_text_frontend("characters"),
            Vocabulary([" ", "a", "b"]),
            settings,
            source=names_of(corpora_),
        )
    assert str(path) in str(error.value)
    assert "none of 4 utterances can be used: characters outside the vocabulary (4: 'ä', 'ö')" in str(error.value)


@pytest.mark.parametrize("normaliser", ["whisper", "lower", "none"])
@pytest.mark.parametrize("text", ["...", "-", " ?! ", "%", "\u266a"])
def test_a_reference_without_words_is_no_transcript(normaliser: str, text: str) -> None:
    pytest.importorskip("jiwer")
    from wavcube.evaluation.metric import Pair, Recording
    from wavcube.evaluation.metrics.wer import WordErrorRate

    asr = SimpleNamespace(name="stub", fingerprint="stub", transcribe=lambda waveform, language: "eight words")
    speech = Recording(np.full(1600, 0.1, np.float32), 16_000)
    measured = WordErrorRate(asr, normaliser)(Pair(speech, speech, text))
    assert not measured.values
    assert set(measured.undefined.values()) == {"no transcript"}


def test_a_language_that_the_model_does_not_know(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    faster_whisper = pytest.importorskip("faster_whisper")
    from wavcube.evaluation.asr import load_asr
    from wavcube.evaluation.metric import Pair, Recording
    from wavcube.evaluation.metrics.wer import WordErrorRate

    class Model:
        supported_languages = ("en", "de")

        def __init__(self, *_: object, **__: object) -> None: ...

        def transcribe(self, *_: object, language: str, **__: object) -> tuple[list, None]:
            raise ValueError(f"'{language}' is not a valid language code (accepted language codes: af, am, ...)")

    monkeypatch.setattr(faster_whisper, "WhisperModel", Model)
    asr = load_asr("whisper:tiny")
    speech = Recording(np.full(1600, 0.1, np.float32), 16_000)
    measured = WordErrorRate(asr, "lower")(Pair(speech, speech, "zzz", "xx"))
    assert set(measured.undefined.values()) == {"Whisper tiny does not know the language 'xx'"}
    with pytest.raises(WavCubeError, match="does not know the language 'xx'"):
        asr.transcribe(speech.waveform, "xx")
