"""The notebooks: their code runs, on a tiny model and the recordings of the repository, and they hold no outputs."""

import json
import shutil
from pathlib import Path

import pytest

from tests.codec.small import small_model
from tests.locations import REPOSITORY, SPEECH
from wavcube.codec.checkpoint import folder as checkpoint
from wavcube.integrations.transformers import modeling

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_outputs_are_kept(path: Path) -> None:
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@pytest.mark.parametrize(
    "name",
    [
        "first_steps",
        *(pytest.param(n, marks=pytest.mark.long) for n in ("probe_on_latents", "latent_loss", "text_to_speech")),
    ],
)
def test_notebooks_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From top to bottom in a kernel of their own, without a network."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("MPLBACKEND", "agg")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "tests").symlink_to(REPOSITORY / "tests")
    notebook = nbformat.read(REPOSITORY / f"notebooks/{name}.ipynb", as_version=4)
    place = {"metadata": {"path": str(tmp_path / "notebooks")}}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    printed = [output.text for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output]
    assert printed


def test_the_speech_classifier(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    small_model("whisper").save_pretrained(tmp_path / "model")
    for module in (checkpoint, modeling):
        monkeypatch.setattr(module, "PACKAGED", tmp_path / "model")
    for name in ("p287_002.flac", "118-121721-0000.opus", "2764-36616-0000.opus", "5339-14133-0000.opus"):
        shutil.copy(SPEECH / name, tmp_path)
    rows = (SPEECH / "speech.tsv").read_text(encoding="utf-8").splitlines()
    kept = [rows[0], *(row for row in rows if (tmp_path / row.split("\t")[0]).is_file())]
    (tmp_path / "speech.tsv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "__main__"}
    for cell in cells(REPOSITORY / "notebooks/speech_classifier.ipynb"):
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            exec(source.replace('"emotion"', '"sex"').replace("epochs = 6", "epochs = 2"), names)
    assert names["classes"] == ["F", "M"]
    assert len(names["train"]) == 3
    assert 0 <= names["result"]["eval_accuracy"] <= 1
    assert not any(p.requires_grad for p in names["model"].wavcube.parameters())
    assert names["model"].head.weight.abs().sum() > 0
