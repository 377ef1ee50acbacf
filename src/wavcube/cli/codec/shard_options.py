"""Options of the commands that make shards."""

from dataclasses import dataclass
from typing import Annotated

import typer

PANEL = "Shards (docs/corpora.md)"

ShardOf = Annotated[
    str | None,
    typer.Option(
        help="RANK/WORLD: do every WORLD-th shard. [default: as torchrun or srun say]",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
MaxBad = Annotated[
    float,
    typer.Option(
        min=0.0, max=1.0, help="A shard with a larger share of unusable recordings fails.", rich_help_panel=PANEL
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        help='A Ray cluster does it: its address, "auto", or "local".', show_default=False, rich_help_panel=PANEL
    ),
]
Count = Annotated[
    int | None,
    typer.Option(
        "--actors", min=1, help="Actors of Ray. [default: as many as fit now]", show_default=False,
        rich_help_panel=PANEL,
    ),
]  # fmt: skip
Gpus = Annotated[
    float | None,
    typer.Option(
        "--actor-gpus", min=0.0, help="GPUs of an actor. [default: 1 if there are any]", show_default=False,
        rich_help_panel=PANEL,
    ),
]  # fmt: skip
Cpus = Annotated[
    float | None,
    typer.Option(
        "--actor-cpus", min=0.0, help="CPUs of an actor. [default: 1 beside a GPU, else 2]", show_default=False,
        rich_help_panel=PANEL,
    ),
]  # fmt: skip


@dataclass(frozen=True)
class RayOptions:
    """A Ray cluster, and what it gives the command; the default of each is None."""

    address: str
    actors: int | None
    gpus: float | None
    cpus: float | None
