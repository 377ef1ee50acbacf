"""Manifests of NeMo's: an object a line with `audio_filepath`, `offset` and `duration`."""

import json
from pathlib import Path

from wavcube.data.json_lines import JsonLines
from wavcube.data.manifest import iterate_clips


def test_a_manifest_of_nemo(tmp_path: Path) -> None:
    rows = [
        {"audio_filepath": "a.wav", "duration": 2.5, "text": "one two"},
        {"audio_filepath": "b.wav", "offset": 1.5, "duration": 3.0, "text": "three", "speaker": "s"},
    ]
    for name in ("train.jsonl", "train.json"):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        whole, part = iterate_clips(tmp_path / name)
        assert (whole.name, whole.path, whole.start, whole.seconds) == ("a", tmp_path / "a.wav", None, 2.5)
        assert (part.start, part.seconds, part.transcript, part.columns["speaker"]) == (1.5, 3.0, "three", "s")
    assert list(JsonLines(tmp_path / "train.jsonl")) == [whole, part]
