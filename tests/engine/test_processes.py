"""Two gloo processes: what they learn together, and that their runs resume exactly, replicated and sharded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.runs import assert_equal, contents, empty_recipe
from wavcube.codec import WavCube
from wavcube.training.run import train_run

# One launch serves all tests of this file, so they have to stay in one process of pytest-xdist.
pytestmark = [pytest.mark.long, pytest.mark.xdist_group("two processes")]

STEPS, HALF = 6, 3

SCRIPT = """
import json, os, sys
import torch
torch.set_num_threads(1)
from wavcube.engine.logger import RunLogger
from wavcube.training.run import train_run
RunLogger.plot_curves = lambda self: None
for job in json.loads(sys.argv[1]):
    if job["kind"] == "train":
        assert train_run(job["task"], job["folder"], recipe=job["recipe"], settings=job["settings"], resume=True)
    else:
        torch.distributed.barrier()
        if os.environ["RANK"] == "0":
            os.rename(job["from"], job["to"])
        torch.distributed.barrier()
"""

CASES = {"stage1-ddp": ("stage1", "ddp"), "stage2-ddp": ("stage2", "ddp"), "stage2-fsdp": ("stage2", "fsdp")}


@pytest.fixture(scope="module")
def without_dropout(small_settings) -> list[str]:
    """Settings of a run in which the order of a batch's items does not matter, but for their number."""
    kept = [s for s in small_settings if not s.startswith("loader.batch_size")]
    quiet = "model.encoder={hidden_dropout: 0.0, attention_dropout: 0.0}"
    return [*kept, quiet, "discriminator.adversarial_start_step=0", "optimizer.steps=3"]


@pytest.fixture(scope="module")
def runs(small_settings, without_dropout, tmp_path_factory) -> Path:
    """Runs of two processes, started as torchrun starts them.

    Those of `CASES` are trained to the end; then their last checkpoint is moved away, as if they had been killed after
    the one before it, and they are resumed.
    """
    folder = tmp_path_factory.mktemp("pair")
    recipe = empty_recipe(folder)
    jobs = []

    def train(task: str, name: str, settings: list[str]) -> None:
        run = {"task": task, "folder": str(folder / name), "recipe": str(recipe), "settings": settings}
        jobs.append({"kind": "train", **run})

    train("stage1", "batch-of-one", [*without_dropout, "loader.batch_size=1"])
    for name, (task, strategy) in CASES.items():
        settings = [*small_settings, f"optimizer.steps={STEPS}", "optimizer.ema=0.9", f"run.save_every={HALF}"]
        settings.append(f"hardware.strategy={strategy}")
        if task == "stage2":
            settings.append(f"init_from='{folder / 'batch-of-one'}'")
        last = folder / name / "checkpoints" / f"step-{STEPS:08d}"
        train(task, name, settings)
        jobs.append({"kind": "move", "from": str(last), "to": str(folder / f"{name}-whole")})
        train(task, name, settings)
    (folder / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    result = subprocess.run(
        [*command, str(folder / "script.py"), json.dumps(jobs)],
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stderr[-20000:]
    return folder


@pytest.mark.parametrize("name", CASES)
def test_two_processes_resume_exactly(runs, name):
    whole = contents(runs / f"{name}-whole")
    assert {"rank-00000.pt", "rank-00001.pt"} <= whole.keys()
    assert_equal(whole, contents(runs / name / "checkpoints" / f"step-{STEPS:08d}"))


def test_sharded_networks_learn_as_replicated_ones_do(runs):
    replicated, sharded = (
        WavCube.from_pretrained(runs / name / "model").state_dict() for name in ("stage2-ddp", "stage2-fsdp")
    )
    for name, value in replicated.items():
        torch.testing.assert_close(value, sharded[name], rtol=1e-3, atol=1e-4, msg=name)


def test_two_processes_learn_what_one_learns_from_twice_the_batch(runs, without_dropout, tmp_path):
    """The gradients of all processes are averaged, those of the discriminators too."""
    one = [*without_dropout, "loader.batch_size=2"]
    assert train_run("stage1", tmp_path / "one", recipe=empty_recipe(tmp_path), settings=one)
    a, b = (contents(path / "checkpoints/step-00000003") for path in (tmp_path / "one", runs / "batch-of-one"))
    discriminator = (
        "discriminator.safetensors/families.period.discriminators.0.convs.1.parametrizations.weight.original1"
    )
    for name in (
        "model.safetensors/decoder.input.weight",
        "model.safetensors/restorer.projection.0.weight",
        discriminator,
    ):
        torch.testing.assert_close(a[name], b[name], rtol=1e-3, atol=2e-5)
