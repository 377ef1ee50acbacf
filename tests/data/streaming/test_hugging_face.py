"""Data sets of Hugging Face with encoded audio."""

from pathlib import Path

import pytest

from wavcube.data.clip import read_clip
from wavcube.data.config import SourceConfig
from wavcube.data.streaming import DataConfig, build_loader
from wavcube.data.streaming.hugging_face import TableShard, find_table_shards
from wavcube.data.streaming.sources import kind_of
from wavcube.errors import DataError

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def table(write_tones):
    paths = write_tones(4)
    audio = [{"bytes": path.read_bytes(), "path": path.name} for path in paths[:3]]
    return pyarrow.table(
        {
            "audio": [*audio, {"bytes": None, "path": str(paths[3])}],
            "text": ["a", "b", "", "d"],
            "speaker": [1, 2, 3, 4],
        }
    )


def check(source: str, stem: str, table) -> None:
    assert kind_of(SourceConfig(source)) == "huggingface"
    [shard] = find_table_shards(SourceConfig(source))
    clips = list(shard.read())
    assert [clip.name for clip in clips] == [f"{stem}/{number:06d}" for number in range(4)]
    assert [clip.transcript for clip in clips] == ["a", "b", None, "d"]
    assert [clip.columns["speaker"] for clip in clips] == ["1", "2", "3", "4"]
    assert {len(read_clip(clip)) for clip in clips} == {9_600}


def test_parquet(tmp_path: Path, table) -> None:
    folder = tmp_path / "set/data"
    folder.mkdir(parents=True)
    parquet.write_table(table, folder / "train-00000-of-00001.parquet")
    for source in (tmp_path / "set", folder, folder / "train-00000-of-00001.parquet", folder / "train-*.parquet"):
        check(str(source), "train-00000-of-00001", table)


def test_arrow_as_save_to_disk_writes_it(tmp_path: Path, table) -> None:
    (tmp_path / "set").mkdir()
    with pyarrow.ipc.new_stream(tmp_path / "set/data-00000-of-00001.arrow", table.schema) as writer:
        writer.write_table(table)
    check(str(tmp_path / "set"), "data-00000-of-00001", table)


def test_training_reads_them(tmp_path: Path, table) -> None:
    parquet.write_table(table, tmp_path / "train.parquet")
    loader = build_loader(
        DataConfig([SourceConfig(str(tmp_path / "train.parquet"))]), crop_samples=3200, batch_size=4, seed=0, train=True
    )
    assert len(set(next(iter(loader)).names)) == 4


def test_a_list_in_parquet_stays_a_list(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"path": ["a.wav"]}), tmp_path / "list.parquet")
    assert kind_of(SourceConfig(str(tmp_path / "list.parquet"))) == "list"


def test_damage_is_an_error(tmp_path: Path, table) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="damaged or cut short"):
        list(TableShard(str(path)).read())
    with pytest.raises(DataError, match="no Parquet"):
        find_table_shards(SourceConfig(str(tmp_path / "clips" / "..") + "/clips"))
