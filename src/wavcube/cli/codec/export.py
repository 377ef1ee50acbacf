"""`wavcube export`: a model as graphs of another runtime, checked against torch, or as an upstream of s3prl."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from wavcube.cli import options
from wavcube.errors import WavCubeError


class Target(StrEnum):
    """The runtime that the graphs are for, or s3prl."""

    onnx = "onnx"
    openvino = "openvino"
    s3prl = "s3prl"


def export(
    target: Annotated[Target, typer.Argument(help="Runtime to export for, or s3prl.")],
    folder: Annotated[Path | None, typer.Argument(help="Folder to write.", file_okay=False)] = None,
    output: Annotated[
        Path | None,
        typer.Option("--out", "--output", "-o", help="The same, as an option.", show_default=False, file_okay=False),
    ] = None,
    model: options.Model = None,
) -> None:
    """Write a model as ONNX or OpenVINO graphs of any length, which every command takes as --model.

    With s3prl: as a folder with hubconf.py and expert.py, an upstream of s3prl and of torch.hub.
    """
    if (folder is None) == (output is None):
        raise WavCubeError(f"name one folder to write: wavcube export {target} FOLDER")
    place = folder or output
    assert place is not None
    if target is Target.s3prl:
        _export_s3prl(model, place)
        return
    from wavcube.codec import WavCube
    from wavcube.codec.inference.export import export as write_export

    backend: Literal["onnx", "openvino"] = "onnx" if target is Target.onnx else "openvino"
    differences = write_export(WavCube.from_pretrained(model), place, backend)
    for part, difference in differences.items():
        print(f"{part:10} equals torch within {difference:.1e} (relative L2)")
    print(f"written to {place}")


def _export_s3prl(model: str | None, folder: Path) -> None:
    from wavcube.codec.checkpoint.folder import model_folder
    from wavcube.codec.checkpoint.s3prl_folder import write_s3prl_folder

    write_s3prl_folder(model_folder(model), folder)
    print(f"written to {folder}; upstreams: wavcube, wavcube_features, wavcube_restored")
    print(f'torch:  torch.hub.load("{folder}", "wavcube", source="local")')
    print("s3prl:  as s3prl/upstream/wavcube, with this line first in s3prl/hub.py:")
    print("        from s3prl.upstream.wavcube.hubconf import *")
