"""Folders and lists of every kind, and all that can be wrong with them."""

import json
from pathlib import Path

import numpy as np
import pytest

from wavcube.audio.io import save_audio
from wavcube.data.manifest import parse_filters, read_clips
from wavcube.errors import DataError


def _write(path: Path, seconds: float = 0.5, sample_rate: int = 16_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_audio(path, np.full(int(seconds * sample_rate), 0.1, np.float32), sample_rate)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/one.wav", "a/two.flac", "b/three.wav"):
        _write(tmp_path / "data" / name)
    return tmp_path / "data"


@pytest.fixture
def manifest(folder: Path) -> Path:
    path = folder / "list.tsv"
    rows = [
        "path\tspeaker\tsex\ttranscript\tlanguage",
        'a/one.wav\tann\tF\t"Quoted," she said\ten',
        "a/two.flac\tbob\tM\t\ten",
        "b/three.wav\tann\tF\tdrei\tde",
    ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_folder_gives_its_recordings(folder: Path) -> None:
    utterances = read_clips(folder)
    assert [u.name for u in utterances] == ["a/one", "a/two", "b/three"]
    assert [u.seconds for u in utterances] == [0.5, 0.5, 0.5]
    assert utterances[0].transcript is None


def test_librispeech_folders_come_with_words(tmp_path: Path) -> None:
    _write(tmp_path / "84" / "121123" / "84-121123-0000.flac")
    (tmp_path / "84" / "121123" / "84-121123.trans.txt").write_text("84-121123-0000 GO DO YOU HEAR\n")
    (utterance,) = read_clips(tmp_path)
    assert utterance.transcript == "GO DO YOU HEAR"
    assert utterance.columns == {"speaker": "84"}


def test_a_manifest_gives_columns(manifest: Path) -> None:
    one, two, three = read_clips(manifest)
    assert one.transcript == '"Quoted," she said'
    assert one.columns == {"speaker": "ann", "sex": "F", "language": "en"}
    assert two.transcript is None  # an empty cell: the words are not known
    assert three.language == "de"


def test_csv_and_json_lines_are_read_alike(folder: Path) -> None:
    (folder / "list.csv").write_text('path,text,take\na/one.wav,"one, two",1\n')
    (folder / "list.jsonl").write_text(json.dumps({"path": "a/one.wav", "text": "one, two", "take": 1}) + "\n\n")
    for name in ("list.csv", "list.jsonl"):
        (utterance,) = read_clips(folder / name)
        assert (utterance.name, utterance.transcript, utterance.columns) == ("a/one", "one, two", {"take": "1"})


def test_parts_of_recordings(folder: Path) -> None:
    rows = "path\tstart\tend\tchannel\na/one.wav\t0.1\t0.3\t1\na/one.wav\t0.3\t\t1\na/one.wav\t\t\t1\n"
    (folder / "list.tsv").write_text(rows)
    clips = read_clips(folder / "list.tsv")
    assert [clip.name for clip in clips] == ["a/one@0.1-0.3s", "a/one@0.3-s", "a/one"]
    assert [clip.start for clip in clips] == [0.1, 0.3, None]
    assert [clip.seconds for clip in clips] == pytest.approx([0.2, 0.2, 0.5])
    assert {clip.channel for clip in clips} == {None}  # the column may count from 1, or hold anything


def test_filters_and_limit(manifest: Path) -> None:
    assert [u.name for u in read_clips(manifest, {"speaker": "ann"})] == ["a/one", "b/three"]
    assert [u.name for u in read_clips(manifest, {"speaker": "ann", "language": "de"})] == ["b/three"]
    assert len(read_clips(manifest, {"speaker": "ann|bob"})) == 3
    assert parse_filters(["speaker=ann", "speaker=bob", "sex=F|M", "text=a=b"]) == {
        "speaker": "ann|bob",
        "sex": "F|M",
        "text": "a=b",
    }
    assert [u.name for u in read_clips(manifest, {"speaker": "ann"}, limit=1)] == ["a/one"]


def test_a_filter_can_leave_out(manifest: Path) -> None:
    assert [clip.name for clip in read_clips(manifest, parse_filters(["speaker=!bob|eve"]))] == ["a/one", "b/three"]
    assert [clip.name for clip in read_clips(manifest, {"speaker": "!ann", "sex": "M"})] == ["a/two"]


@pytest.mark.parametrize(
    ("filters", "part"),
    [
        (["speaker=eve"], "none of its 3 recordings match speaker=eve"),
        (["age=3"], "no column 'age' to filter by; there are language, sex, speaker"),
        (["speaker"], "filter 'speaker' should be COLUMN=VALUE"),
        (["speaker=!ann", "speaker=!bob"], "filtered twice"),
        (["age=!3"], "no column 'age' to filter by; there are language, sex, speaker"),
        (["speaker=!ann|bob"], "none of its 3 recordings match speaker=!ann|bob"),
    ],
)
def test_filters_that_keep_nothing(manifest: Path, filters: list[str], part: str) -> None:
    with pytest.raises(DataError, match=part):
        read_clips(manifest, parse_filters(filters))


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("list.tsv", "file\tspeaker\na/one.wav\tann\n", "line 2: no 'path'; columns here are file, speaker"),
        ("list.tsv", "path\tspeaker\na/one.wav\n", "line 2: does not have as many cells as the header"),
        ("list.tsv", "path\nno.wav\nnot.wav\n", "2 of 2 recordings do not exist: .*no.wav"),
        ("list.tsv", "path\na/one.wav\na/one.wav\n", "line 3: a/one.wav is already on line 2; list it once"),
        ("list.tsv", "path\n", "lists no recordings"),
        ("list.jsonl", "{path: 1}\n", "line 1: is not JSON"),
        ("list.jsonl", "[1]\n", "line 1: is not a JSON object"),
        ("list.tsv", "path\na/two.flac\na/../a/two.flac\n", "line 3: a/../a/two.flac is already on line 2"),
        ("list.tsv", "path\tend\na/one.wav\t-1\n", "line 2: a/one.wav has no part from 0 to -1 s"),
    ],
)
def test_bad_manifests_say_what_is_wrong(folder: Path, name: str, text: str, part: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(DataError, match=part):
        read_clips(folder / name)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder or manifest"):
        read_clips(tmp_path / "none")
    with pytest.raises(DataError, match="holds no audio"):
        read_clips(tmp_path)
