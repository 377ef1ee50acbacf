"""`wavcube export`: a model as graphs of another runtime, checked against torch."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wavcube.cli import options


class BackendName(StrEnum):
    """The runtime that the graphs are for."""

    onnx = "onnx"
    openvino = "openvino"


def export(
    backend: Annotated[BackendName, typer.Argument(help="Runtime to export for.")],
    output: Annotated[Path, typer.Option("--out", "--output", "-o", help="Folder to write; load it like any model.")],
    model: options.Model = None,
) -> None:
    """Write a model as ONNX or OpenVINO graphs of any length; every command takes the folder as --model."""
    from wavcube.codec import WavCube
    from wavcube.codec.inference.export import export as write_export

    differences = write_export(WavCube.from_pretrained(model), output, backend.value)
    for part, difference in differences.items():
        print(f"{part:10} equals torch within {difference:.1e} (relative L2)")
    print(f"written to {output}")
