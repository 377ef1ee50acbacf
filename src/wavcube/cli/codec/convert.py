"""`wavcube convert`: an official checkpoint becomes a folder that everything else here loads."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class StoredType(StrEnum):
    """Type of the written weights."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


def convert(
    source: Annotated[Path, typer.Argument(help="Official Lightning checkpoint (.ckpt), of stage 1 or 2, any size.")],
    output: Annotated[Path, typer.Option("--out", "--output", "-o", help="Folder to write.", file_okay=False)],
    config: Annotated[
        Path | None, typer.Option(help="Official YAML or wavcube config.json; needed for unpublished sizes only.")
    ] = None,
    stage: Annotated[int | None, typer.Option(min=1, max=2, help="Refuse a checkpoint of the other stage.")] = None,
    decoder_heads: Annotated[int | None, typer.Option(min=1, help="Attention heads of the decoder.")] = None,
    vocoder_heads: Annotated[int | None, typer.Option(min=1, help="Attention heads of the vocoder.")] = None,
    keep_training_modules: Annotated[
        bool, typer.Option("--keep-training-modules", help="Keep the restorer and the teacher, to train on.")
    ] = False,
    dtype: Annotated[
        StoredType | None, typer.Option(help="Type of the written weights; as they are if not given.")
    ] = None,
) -> None:
    """Convert an official WavCube checkpoint (stage 1, stage 2, Pro)."""
    import torch

    from wavcube.codec.checkpoint.official import convert_official

    result = convert_official(
        source,
        output,
        config=config,
        stage={None: None, 1: 1, 2: 2}[stage],
        decoder_heads=decoder_heads,
        vocoder_heads=vocoder_heads,
        keep_training_modules=keep_training_modules,
        dtype=None if dtype is None else getattr(torch, dtype.value),
    )
    bottleneck = result.config.bottleneck
    left = ", ".join(f"{part} ({count})" for part, count in sorted(result.dropped.items())) or "nothing"
    print(
        f"{source.name}: stage {result.config.stage}, latent of {bottleneck.latent_dim} at {bottleneck.frame_rate} Hz"
    )
    print(f"kept {result.kept} tensors; left behind: {left}")
    print(f"written to {output}")
