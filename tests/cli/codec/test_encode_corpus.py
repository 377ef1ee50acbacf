"""`wavcube encode --to shar`: any input, shares, refusals, kills."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.corpora.conftest import contents
from tests.data.conftest import write_tones
from wavcube.data.stored_latents import LatentCorpus

__all__ = ["write_tones"]


@pytest.fixture
def tsv(write_tones, tmp_path: Path) -> Path:
    rows = "".join(f"{path}\twords {n}\t{'ab'[n % 2]}\n" for n, path in enumerate(write_tones(7)))
    (tmp_path / "list.tsv").write_text("path\ttranscript\tset\n" + rows)
    return tmp_path / "list.tsv"


def names(folder: Path) -> list[str]:
    return [metadata["name"].split("/")[-1] for _, metadata in LatentCorpus(folder)]


def test_a_list_becomes_shards(wavcube: Command, model: Path, tsv: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("encode", tsv, "-o", out, "-m", model, "--shard-size", "3")
    outcome = wavcube(*command)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("3 shards made, 7 recordings, ")
    assert f"{out}: 3 shards, 7 recordings, 0.00117 h" in outcome.out
    assert names(out) == [f"clip{n:04d}" for n in range(7)]
    before = contents(out)
    again = wavcube(*command)
    assert (again.code, contents(out)) == (0, before)
    assert "0 shards made" in again.out
    assert "3 were complete already" in again.out


def test_one_folder_for_one_setting(
    wavcube: Command, model: Path, other_model: Path, tsv: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert wavcube("encode", tsv, "-o", out, "-m", model, "--readers", "0").code == 0
    for changed in (("-m", other_model), ("-m", model, "--store-dtype", "int8"), ("-m", model, "--shard-size", "2")):
        outcome = wavcube("encode", tsv, "-o", out, "--readers", "0", *changed)
        assert outcome.code == 1
        assert "holds shards made with another" in outcome.err
        assert "--overwrite" in outcome.err
    changed = ("-m", model, "--shard-size", "2", "--readers", "0")
    assert wavcube("encode", tsv, "-o", out, *changed, "--overwrite").code == 0
    assert len(LatentCorpus(out).about.shards) == 4
    fewer = wavcube("encode", tsv, "-o", out, *changed[:3], "2", "--filter", "set=a", "--readers", "0")
    assert "made with another where" in fewer.err
    shutil.copy(tsv, tmp_path / "short.tsv")
    tsv.write_text("".join(tsv.read_text().splitlines(keepends=True)[:4]))
    shorter = wavcube("encode", tsv, "-o", out, *changed)
    assert shorter.code == 1
    assert "holds 2 shards that this input does not have" in shorter.err
    assert wavcube("encode", tsv, "-o", out, *changed, "--overwrite").code == 0
    assert names(out) == ["clip0000", "clip0001", "clip0002"]


def test_shares_of_several_processes(
    wavcube: Command, model: Path, tsv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = (tsv, "-m", model, "--shard-size", "2", "--readers", "0")
    assert wavcube("encode", *common, "-o", tmp_path / "whole").code == 0
    first = wavcube("encode", *common, "-o", tmp_path / "parts", "--shard-of", "0/2")
    assert "2 of 4 shards are complete; whoever completes the last writes latents.json" in first.out
    assert not (tmp_path / "parts/latents.json").exists()
    monkeypatch.setenv("SLURM_PROCID", "1")
    monkeypatch.setenv("SLURM_NTASKS", "2")  # as in a batch script, which is one process
    assert "of 4 shards" not in wavcube("encode", *common, "-o", tmp_path / "batch").out
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    second = wavcube("encode", *common, "-o", tmp_path / "parts")
    assert "--shard-of 1/2, by SLURM_PROCID and SLURM_STEP_NUM_TASKS" in second.err
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole") == contents(tmp_path / "batch")
    assert "should be RANK/WORLD" in wavcube("encode", *common, "-o", tmp_path / "parts", "--shard-of", "2/2").err


def test_inputs_of_every_kind(wavcube: Command, model: Path, tsv: Path, tmp_path: Path) -> None:
    paths = sorted((tmp_path / "clips").iterdir())
    with tarfile.open(tmp_path / "s-0.tar", "w") as tar:
        for path in paths[:2]:
            tar.add(path, path.name)
    nemo = [{"audio_filepath": str(path), "offset": 0.1, "duration": 0.3, "text": "w"} for path in paths[2:4]]
    (tmp_path / "nemo.json").write_text("".join(json.dumps(row) + "\n" for row in nemo))
    recording = {"id": "r", "sources": [{"type": "file", "channels": [0], "source": str(paths[4])}]}
    recording |= {"sampling_rate": 16_000, "num_samples": 9_600, "duration": 0.6}
    cut = {"id": "cut.1", "start": 0.2, "duration": 0.2, "channel": 0, "recording": recording}
    (tmp_path / "cuts.jsonl").write_text(json.dumps({**cut, "supervisions": [], "type": "MonoCut"}) + "\n")
    inputs = (
        f"{tmp_path}/s-{{0..0}}.tar", f"pipe:cat {tmp_path}/s-0.tar", tmp_path / "nemo.json", tmp_path / "cuts.jsonl",
        paths[5], f"{tmp_path}/clips/clip0006*",
    )  # fmt: skip
    outcome = wavcube("encode", *inputs, "-o", tmp_path / "out", "-m", model, "--readers", "0")
    assert outcome.code == 0, outcome.err
    corpus = LatentCorpus(tmp_path / "out")
    assert len(corpus.about.shards) == 5
    found = [(metadata["name"].split("/")[-1], metadata["seconds"]) for _, metadata in corpus]
    assert found[:4] == [("clip0000", "0.600"), ("clip0001", "0.600")] * 2
    assert [seconds for _, seconds in found[4:]] == ["0.300", "0.300", "0.200", "0.600", "0.600"]
    assert found[6][0] == "cut.1"


def test_failures_are_failures(wavcube: Command, model: Path, tsv: Path, tmp_path: Path) -> None:
    paths = sorted((tmp_path / "clips").iterdir())
    paths[0].write_bytes(b"no audio")
    paths[1].write_bytes(b"no audio")
    command = ("encode", tsv, "-o", tmp_path / "out", "-m", model, "--shard-size", "4", "--readers", "0")
    outcome = wavcube(*command)
    assert outcome.code == 1
    assert "failed: list.tsv[0:4]: 2 of 4 recordings cannot be used" in outcome.err
    assert "1 of 2 shards are complete" in outcome.out
    outcome = wavcube(*command, "--max-bad", "0.5")
    assert outcome.code == 0
    assert "skipped: " in outcome.err
    assert "7 recordings" not in outcome.out
    assert LatentCorpus(tmp_path / "out").about.errors == 2
    assert wavcube("encode", tsv, "-o", tmp_path / "files", "-m", model, "--to", "files").code == 1
    assert wavcube("encode", tsv, "-o", tmp_path / "files", "-m", model, "--strict").code == 1


@pytest.mark.long
def test_a_kill_costs_the_shards_under_way(model: Path, wavcube: Command, write_tones, tmp_path: Path) -> None:
    """Two processes at the same shards, both killed: the next run makes the bytes of a quiet one."""
    write_tones(40, 5.0)  # so many that neither is done before it is killed
    options = [str(tmp_path / "clips"), "-m", str(model), "--to", "shar", "--shard-size", "1"]
    command = [sys.executable, "-m", "wavcube", "encode", *options, "-o", str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    start = functools.partial(subprocess.Popen, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    processes = [start(command, start_new_session=True) for _ in range(2)]
    while len(list((tmp_path / "out/records").glob("*.json"))) < 2:
        assert any(process.poll() is None for process in processes), processes[0].communicate()
        time.sleep(0.005)
    for process in processes:  # both at once, or the second is done while the first ends
        process.kill()  # the process alone: those that decode for it must end by themselves
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        assert ended(process.pid)
    for path in (tmp_path / "out/writing").iterdir():
        os.utime(path, (0, 0))
    done = len(list((tmp_path / "out/records").glob("*.json")))
    again = wavcube("encode", *options, "-o", tmp_path / "out", "--readers", "0")
    assert again.code == 0, again.err
    assert f"{40 - done} shards made" in again.out
    assert wavcube("encode", *options, "-o", tmp_path / "whole", "--readers", "0").code == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def ended(group: int) -> bool:
    """Whether all processes of a group end within some seconds."""
    for _ in range(500):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False
