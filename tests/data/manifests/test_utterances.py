"""What is evaluated on: folders, manifests, pairs of files, and all that can be wrong with them."""

import json
from pathlib import Path

import numpy as np
import pytest

from wavcube.audio.io import save_audio
from wavcube.data.manifests.utterances import paired_files, read_utterances
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
    utterances = read_utterances(folder)
    assert [u.name for u in utterances] == ["a/one", "a/two", "b/three"]
    assert [u.seconds for u in utterances] == [0.5, 0.5, 0.5]
    assert utterances[0].transcript is None


def test_librispeech_folders_come_with_words(tmp_path: Path) -> None:
    _write(tmp_path / "84" / "121123" / "84-121123-0000.flac")
    (tmp_path / "84" / "121123" / "84-121123.trans.txt").write_text("84-121123-0000 GO DO YOU HEAR\n")
    (utterance,) = read_utterances(tmp_path)
    assert utterance.transcript == "GO DO YOU HEAR"
    assert utterance.columns == {"speaker": "84"}


def test_a_manifest_gives_columns(manifest: Path) -> None:
    one, two, three = read_utterances(manifest)
    assert one.transcript == '"Quoted," she said'
    assert one.columns == {"speaker": "ann", "sex": "F", "language": "en"}
    assert two.transcript is None  # an empty cell: the words are not known
    assert three.language == "de"


def test_csv_and_json_lines_are_read_alike(folder: Path) -> None:
    (folder / "list.csv").write_text('path,text,take\na/one.wav,"one, two",1\n')
    (folder / "list.jsonl").write_text(json.dumps({"path": "a/one.wav", "text": "one, two", "take": 1}) + "\n\n")
    for name in ("list.csv", "list.jsonl"):
        (utterance,) = read_utterances(folder / name)
        assert (utterance.name, utterance.transcript, utterance.columns) == ("a/one", "one, two", {"take": "1"})


def test_filters_and_limit(manifest: Path) -> None:
    assert [u.name for u in read_utterances(manifest, ["speaker=ann"])] == ["a/one", "b/three"]
    assert [u.name for u in read_utterances(manifest, ["speaker=ann", "language=de"])] == ["b/three"]
    assert len(read_utterances(manifest, ["speaker=ann", "speaker=bob"])) == 3
    assert [u.name for u in read_utterances(manifest, ["speaker=ann"], limit=1)] == ["a/one"]


@pytest.mark.parametrize(
    ("filters", "part"),
    [
        (["speaker=eve"], "none of its 3 recordings match speaker=eve"),
        (["age=3"], "no column 'age' to filter by; there are language, sex, speaker"),
        (["speaker"], "filter 'speaker' should be COLUMN=VALUE"),
    ],
)
def test_filters_that_keep_nothing(manifest: Path, filters: list[str], part: str) -> None:
    with pytest.raises(DataError, match=part):
        read_utterances(manifest, filters)


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("list.tsv", "file\tspeaker\na/one.wav\tann\n", "line 2: no 'path'; columns here are file, speaker"),
        ("list.tsv", "path\tspeaker\na/one.wav\n", "line 2: does not have as many cells as the header"),
        ("list.tsv", "path\nno.wav\nnot.wav\n", "2 of 2 recordings do not exist: .*no.wav"),
        ("list.tsv", "path\na/one.wav\na/one.wav\n", "two recordings have the name a/one"),
        ("list.tsv", "path\n", "lists no recordings"),
        ("list.jsonl", "{path: 1}\n", "line 1: is not JSON"),
        ("list.jsonl", "[1]\n", "line 1: is not a JSON object"),
        ("list.txt", "a/one.wav\n", "manifests are .tsv, .csv or .jsonl"),
    ],
)
def test_bad_manifests_say_what_is_wrong(folder: Path, name: str, text: str, part: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(DataError, match=part):
        read_utterances(folder / name)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder or manifest"):
        read_utterances(tmp_path / "none")
    with pytest.raises(DataError, match="holds no audio"):
        read_utterances(tmp_path)


def test_the_fingerprint_is_of_content_and_words(folder: Path, manifest: Path) -> None:
    one, two, _three = read_utterances(manifest)
    plain = read_utterances(folder)
    assert one.fingerprint() != plain[0].fingerprint()  # has words
    assert two.fingerprint() == plain[1].fingerprint()
    before = plain[0].fingerprint()
    _write(folder / "a" / "one.wav", 0.6)
    assert read_utterances(folder)[0].fingerprint() != before


def test_pairs_are_found_by_name_whatever_the_suffix(folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    _write(made / "a" / "one.flac")
    _write(made / "two.wav", 0.55, 24_000)  # codecs pad; another rate; flat
    _write(made / "b" / "three.wav")
    pairs = paired_files(read_utterances(folder), made)
    assert {name: path.name for name, path in pairs.items()} == {
        "a/one": "one.flac",
        "a/two": "two.wav",
        "b/three": "three.wav",
    }


def test_missing_unequal_and_ambiguous_pairs(folder: Path, tmp_path: Path) -> None:
    utterances, made = read_utterances(folder), tmp_path / "made"
    with pytest.raises(DataError, match="no such folder of reconstructions"):
        paired_files(utterances, made)
    _write(made / "a" / "one.wav")
    _write(made / "a" / "two.wav")
    with pytest.raises(DataError, match="1 of 3 reconstructions are missing: b/three"):
        paired_files(utterances, made)
    # 24 kHz speech in a file that claims 16 kHz: half as long again.
    _write(made / "b" / "three.wav", 0.75)
    with pytest.raises(
        DataError, match=r"three.wav \(0.75 s for 0.50 s\); are these the right files, and is the sample"
    ):
        paired_files(utterances, made)
    _write(made / "b" / "three.flac")
    with pytest.raises(DataError, match="several files could be the reconstruction of b/three"):
        paired_files(utterances, made)
