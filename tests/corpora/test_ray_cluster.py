"""A Ray cluster of two nodes on this machine: an actor and a node die, and the bytes are those of one process."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.corpora.conftest import Encoder, contents
from wavcube.codec import WavCube, WavCubeConfig
from wavcube.corpora.decoding import Decoders
from wavcube.corpora.encode_shard import EncodeSettings, ShardEncoder
from wavcube.corpora.input_shards import InputShard, input_shards
from wavcube.corpora.job import claim, write_index
from wavcube.corpora.one_machine import Tally
from wavcube.corpora.shard import Result
from wavcube.data.bucketing import BatchLimits

ray = pytest.importorskip("ray")

from wavcube.corpora.ray_cluster import Actors, Cluster  # noqa: E402

SHARDS = 6


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head without room for actors, and a node with room for one."""
    from ray.cluster_utils import Cluster as Nodes

    # Ray's own processes give way to others, by default, and would starve beside other tests.
    settings = {"RAY_worker_niceness": "0", "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    for name, value in {**settings, "OMP_NUM_THREADS": "1"}.items():
        monkeypatch.setenv(name, value)
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80_000_000})
    nodes.first = nodes.add_node(num_cpus=1, object_store_memory=80_000_000)
    ray.init(nodes.address, log_to_driver=False)
    try:
        yield nodes
    finally:
        ray.shutdown()
        nodes.shutdown()


@dataclass
class FatefulEncoder(ShardEncoder):
    """Dies with one shard, the first time that it comes up; and does not end with another on one node."""

    fatal: int = -1
    held: int = -1
    node: str = ""

    def __call__(self, shard: InputShard) -> Result:
        mark = self.folder.parent / "died"
        if shard.number == self.fatal and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        while shard.number == self.held and ray.get_runtime_context().get_node_id() == self.node:
            time.sleep(0.05)
        return super().__call__(shard)


def make_encoder(folder: Path, fatal: int, held: int, node: str) -> ShardEncoder:
    torch.manual_seed(0)
    model = WavCube(WavCubeConfig.preset("tiny"))
    settings = EncodeSettings.of(model, "float16", 2, {})
    return FatefulEncoder(
        model, settings, folder, BatchLimits(2.0, 0.25), Decoders(0), fatal=fatal, held=held, node=node
    )


def watched(tally: Tally, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(tally, "say", said.append)
    return said


def test_actors_and_nodes_die(
    nodes: Any, encoder: Encoder, write_tones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tones(2 * SHARDS)
    shards = list(input_shards([str(tmp_path / "clips")], size=2))
    alone = encoder("whole", size=2)
    claim(alone.folder, alone.settings, False)
    for shard in shards:
        alone(shard)
    write_index(alone.folder, alone.settings, range(SHARDS), False)

    out = tmp_path / "out"

    def coming() -> Iterator[InputShard]:
        """The queue; while the fourth shard is under way, its node goes, and another one comes."""
        for shard in shards:
            if shard.number == 4:
                nodes.remove_node(nodes.first, allow_graceful=False)
                nodes.add_node(num_cpus=1, object_store_memory=80_000_000)
            yield shard

    with (
        Cluster(ray, partial(make_encoder, out, 1, 3, nodes.first.node_id), Actors(1, 0.0, 1.0)) as cluster,
        Tally() as tally,
    ):
        said = watched(tally, monkeypatch)
        claim(out, cluster.settings(), False)
        cluster.make_shards(coming(), out, tally)
    assert any("recordings[2:4]: its actor or machine died" in text for text in said)
    assert any("recordings[6:8]: its actor or machine died" in text for text in said)
    assert (tmp_path / "died").exists()
    assert not tally.failed
    assert tally.made + tally.there == SHARDS
    write_index(out, alone.settings, range(SHARDS), False)
    found = {name: content for name, content in contents(out).items() if not name.startswith("writing/")}
    assert found == contents(tmp_path / "whole")
