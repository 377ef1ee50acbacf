"""Options that several commands share, and the model that they name."""

import math
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wavcube.cli.many_files.recordings import AudioFormat
from wavcube.errors import WavCubeError

if TYPE_CHECKING:
    from wavcube.codec import WavCube
    from wavcube.data.bucketing import BatchLimits


class Device(StrEnum):
    """Where to compute; auto is the best that there is."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class Precision(StrEnum):
    """The type of the weights and of what is computed."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"
    int8 = "int8"


class Backend(StrEnum):
    """What computes; auto is the graphs of an exported folder, and torch prepared as with --exact for a checkpoint."""

    torch = "torch"
    onnx = "onnx"
    openvino = "openvino"
    auto = "auto"


Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="A model's folder or run, or a hub id; by default the packaged model."),
]
Recordings = Annotated[list[str], typer.Argument(help="Recordings, folders (searched recursively) or quoted globs.")]
OutputFolder = Annotated[
    Path,
    typer.Option("--out", "--output", "-o", help="Folder for the results; mirrors the input folders.", file_okay=False),
]
Results = Annotated[
    Path,
    typer.Option("--out", "--output", "-o", help="Folder for the results, or for one recording a .wav or .flac."),
]
ResultFormat = Annotated[AudioFormat, typer.Option(help="File format of results in a folder.")]
Codec = Annotated[
    str | None, typer.Option(help="Where the WavCube lies that the model was trained on, if it has been moved.")
]
RowFilter = Annotated[list[str] | None, typer.Option("--filter", help="COLUMN=VALUE|VALUE: rows of the list to keep.")]
AsJson = Annotated[bool, typer.Option("--json", help="The result as JSON on stdout, for scripts.")]
DeviceOption = Annotated[Device, typer.Option(help="Where to compute; auto takes a GPU if there is one.")]
PrecisionOption = Annotated[
    Precision | None,
    typer.Option(
        "--dtype",
        help="Precision of weights and computation. [default: float32, with --fast what this machine is fast in]",
        show_default=False,
    ),
]
Fast = Annotated[
    bool,
    typer.Option(
        "--fast",
        help="Prepare the model for speed first, best on a CPU: in --dtype float32, bfloat16 or int8, else in what "
        "this machine is fast in (wavcube info --env).",
    ),
]
Exact = Annotated[
    bool, typer.Option("--exact", help="As --fast, but in float32: the numbers of the plain model within 1e-5.")
]
BackendOption = Annotated[
    Backend | None,
    typer.Option(
        help="Runtime. onnx and openvino export a checkpoint first, once; auto prepares a checkpoint as --exact "
        "does, and takes an exported folder as it is. [default: what the model folder is for, else torch]",
        show_default=False,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Make results anew that exist; else they are skipped.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first bad file; else it is reported and skipped.")]
BatchSeconds = Annotated[
    float | None,
    typer.Option(min=0.1, help="Seconds of audio in a batch, padding included. [default: 20 on a CPU, 480 on a GPU]"),
]
Recipe = Annotated[str | None, typer.Option(help="A recipe (YAML), or the name of one that comes with the package.")]
RunFolder = Annotated[Path, typer.Option("--out", "--output", "-o", help="The folder of the run.", file_okay=False)]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Over the recipe, or a resumed run's own; any number of them."),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the run in --out, also after its end; begin it if there is none yet."),
]
GoOnFrom = Annotated[
    str, typer.Option("--from", help='A trained model to go on from on your mixtures: a folder, a run or "packaged".')
]
Padding = Annotated[float, typer.Option(min=0.0, max=1.0, help="Largest share of padding in a batch.")]


def torch_device(requested: Device) -> str:
    """The device that torch computes on.

    Raises:
        WavCubeError: it is not there.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    device = next(kind for kind, is_there in there.items() if is_there) if requested is Device.auto else requested.value
    if not there[device]:
        raise WavCubeError(f"--device {device}: torch {torch.__version__} finds none here; use --device auto")
    return device


def decibels(name: str, text: str) -> tuple[float, float]:
    """A range of dB, of LOW:HIGH; `name` is the option's.

    Raises:
        WavCubeError: it is no range.
    """
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high)):
        raise WavCubeError(f"{name} {text}: write it as LOW:HIGH, such as 0:15")
    return low, high


def load_model(
    name: str | None,
    device: Device,
    precision: Precision | None,
    fast: bool = False,
    backend: Backend | None = None,
    exact: bool = False,
) -> "WavCube":
    """Load the model that the options name; `fast` and `exact` prepare it (see `WavCube.optimize`).

    Raises:
        WavCubeError: the device is not there, options that exclude each other; or see `WavCube.from_pretrained`.
    """
    import torch

    from wavcube.codec import WavCube
    from wavcube.codec.checkpoint.folder import EXPORT_MANIFEST

    exported = name is not None and (Path(name) / EXPORT_MANIFEST).is_file()
    graphs = exported or backend in (Backend.onnx, Backend.openvino)
    where = torch_device(Device.cpu if graphs and device is Device.auto else device)
    prepared = "--exact" if exact else "--fast" if fast else None
    if prepared and graphs:
        given = f"leave out --backend {backend}" if backend else "name the checkpoint that they are from"
        raise WavCubeError(f"{prepared} prepares torch's model, and no graphs; leave it out, or {given}")
    if exact and precision not in (None, Precision.float32):
        raise WavCubeError(f"--exact computes in float32; for {precision} take --fast")
    if precision is Precision.int8 and not (prepared or graphs or backend is Backend.auto):
        raise WavCubeError("--dtype int8 is for prepared models: add --fast")
    if fast and not exact and precision is None:
        return _suited_to_the_machine(WavCube.from_pretrained(name, device=where, backend=_not_auto(backend)))
    dtype = getattr(torch, (precision or Precision.float32).value)
    if prepared and backend is not Backend.auto:
        return WavCube.from_pretrained(name, device=where, backend=backend).optimize(dtype)
    model = WavCube.from_pretrained(name, device=where, dtype=dtype, backend=backend)
    if backend is Backend.auto:
        print(f"--backend auto: {model.backend}, {precision or Precision.float32}", file=sys.stderr)
    return model


def _not_auto(backend: Backend | None) -> Backend | None:
    return None if backend is Backend.auto else backend


def _suited_to_the_machine(model: "WavCube") -> "WavCube":
    from wavcube.codec.inference.choice import choose

    print(f"--fast: {choose(model.device)}", file=sys.stderr)
    return model.optimize("auto")


def batch_limits(seconds: float | None, padding: float, model: "WavCube") -> "BatchLimits":
    """The bounds on a batch; a GPU needs much at once to be busy, a CPU is fastest with what stays in its cache."""
    from wavcube.data.bucketing import BatchLimits

    above = model.chunking.above
    default = 20.0 if model.device.type == "cpu" else 480.0
    return BatchLimits(seconds or default, padding, math.inf if above is None else above)
