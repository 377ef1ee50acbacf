"""`wavcube push`: a checkpoint folder as a model of the Hugging Face hub, with its card."""

from pathlib import Path
from typing import Annotated

import typer


def push(
    folder: Annotated[Path, typer.Argument(help="Checkpoint folder.")],
    name: Annotated[str, typer.Argument(help="Repository on the hub, OWNER/NAME; made if it is not there.")],
    license: Annotated[str, typer.Option(help="Licence of the weights, such as cc-by-4.0.")] = "",
    language: Annotated[list[str] | None, typer.Option(help="Language of the speech it knows, such as en.")] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="Training data, by name.")] = None,
    data_license: Annotated[str, typer.Option(help="Licence of the training data.")] = "",
    teacher: Annotated[str, typer.Option(help="Encoder that it was made from, a hub id.")] = "",
    teacher_license: Annotated[str, typer.Option(help="Licence of that encoder.")] = "",
    report: Annotated[
        Path | None, typer.Option(help="Folder of `wavcube evaluate reconstruction`, for the card's figures.")
    ] = None,
    private: Annotated[bool | None, typer.Option(help="Whether a new repository is private.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch; made if it is not there.")] = None,
    message: Annotated[str | None, typer.Option(help="Commit message.")] = None,
    pull_request: Annotated[bool, typer.Option("--pull-request", help="Propose the commit instead.")] = False,
    token: Annotated[
        str | None, typer.Option(help="Token of the hub; by default that of `hf auth login`.", envvar="HF_TOKEN")
    ] = None,
    card_only: Annotated[
        bool, typer.Option("--card-only", help="Write the card into FOLDER, to be edited; push nothing.")
    ] = False,
) -> None:
    """Push a model to the Hugging Face hub in one commit; a README.md in FOLDER is its card, else one is made."""
    from wavcube.codec.checkpoint.folder import model_folder
    from wavcube.codec.checkpoint.model_card import CARD, CardFacts
    from wavcube.codec.checkpoint.push import push as push_folder
    from wavcube.codec.checkpoint.push import write_card
    from wavcube.errors import CheckpointError

    facts = CardFacts(
        license, tuple(language or ()), tuple(dataset or ()), data_license, teacher, teacher_license, report
    )
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder")
    folder = model_folder(folder)
    if card_only:
        print(f"written: {write_card(folder, name, facts)}")
        return
    card = folder / CARD if (folder / CARD).is_file() else facts
    address = push_folder(
        folder,
        name,
        card,
        private=private,
        revision=revision,
        commit_message=message,
        create_pr=pull_request,
        token=token,
    )
    print(f"pushed: {address}")
