from pathlib import Path

import pytest

from tests.understanding import corpora
from wavcube.errors import DataError
from wavcube.understanding import TASKS
from wavcube.understanding.check import check_data

BUILT = {
    "pr": corpora.librispeech,
    "asr": corpora.librispeech,
    "ks": corpora.speech_commands,
    "qbe": corpora.quesst,
    "sid": corpora.voxceleb,
    "asv": corpora.voxceleb,
    "sd": corpora.libri2mix,
    "ic": corpora.fluent,
    "sf": corpora.snips,
    "er": corpora.iemocap,
    "se": corpora.voicebank,
    "ss": corpora.libri2mix_min,
    "vc": corpora.vcc2020,
}


@pytest.mark.parametrize("name", TASKS)
def test_good_data_are_summed_up_and_absent_data_are_named(tmp_path: Path, name: str) -> None:
    task = TASKS[name]
    with pytest.raises(DataError, match=r"not found\. .* is expected as .* Get it from .*http.* \(.+\)"):
        check_data(task, tmp_path / "absent", task.recipe)
    summary = check_data(task, BUILT[name](tmp_path), task.recipe)
    assert len(summary) == {"er": 15, "vc": 12}.get(name, 3)
    assert all(split.recordings > 0 and split.hours > 0 for split in summary)
    assert [split.classes for split in summary][:1] == [{"ks": 5, "sid": 6, "asv": 4, "er": 4}.get(name, 0)]


def test_recordings_that_are_no_use_are_named(tmp_path: Path) -> None:
    data = corpora.voxceleb(tmp_path, speakers=2)
    (data / "dev/wav/id10000/video0/00000.wav").write_bytes(b"RIFF")
    task = TASKS["sid"]
    with pytest.raises(DataError, match=r"1 recordings are no use: .*00000\.wav"):
        check_data(task, data, task.recipe)
