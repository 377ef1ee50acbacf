"""A checkpoint folder as a model of the hub: whole, checked, and with its card."""

import tempfile
from pathlib import Path
from typing import Any

from wavcube.codec.checkpoint.folder import CONFIG, INDEX, load_checkpoint, read_weights, write_checkpoint
from wavcube.codec.checkpoint.hub import upload
from wavcube.codec.checkpoint.model_card import CARD, CardFacts, check_card, model_card
from wavcube.codec.networks import WavCubeNetworks
from wavcube.errors import CheckpointError
from wavcube.files import atomic_path, reason


def push(folder: Path, repo_id: str, card: CardFacts | str | Path, **options: Any) -> str:
    """Upload a checkpoint folder in one commit; the address of the commit or pull request.

    What is uploaded is written anew from the folder, so that it is complete whatever version wrote that.

    Args:
        repo_id: "owner/name".
        card: what its model card says, or a card that is written.
        options: see `checkpoint.hub.upload`.

    Raises:
        CheckpointError: the folder is no checkpoint, the card is incomplete, or the hub refuses.
    """
    with tempfile.TemporaryDirectory(prefix="wavcube-push-") as temporary:
        whole = Path(temporary)
        model = load_checkpoint(WavCubeNetworks, folder)
        if isinstance(card, CardFacts):
            text = card_text(model, repo_id, card)
        else:
            text = read_card(Path(card))
        write_checkpoint(whole, model.config, read_weights(folder)[0], model.identity)
        (whole / CARD).write_text(text, encoding="utf-8")
        return upload(whole, repo_id, replaced=["model*.safetensors", INDEX], **options)


def card_text(model: WavCubeNetworks, repo_id: str, facts: CardFacts) -> str:
    """A model's card."""
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return model_card(repo_id, model.config, parameters, model.identity, facts)


def write_card(folder: Path, repo_id: str, facts: CardFacts) -> Path:
    """Write a card into a checkpoint folder, to be edited before it is pushed.

    Raises:
        CheckpointError: the folder is no checkpoint or has a card, or the licence is not stated.
    """
    if not (folder / CONFIG).is_file():
        raise CheckpointError(f"{folder}: not a wavcube checkpoint, it has no {CONFIG}")
    if (folder / CARD).exists():
        raise CheckpointError(f"{folder / CARD}: exists; edit it, or remove it to have it made anew")
    text = card_text(load_checkpoint(WavCubeNetworks, folder), repo_id, facts)
    try:
        with atomic_path(folder / CARD) as path:
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CheckpointError(f"{folder / CARD}: cannot be written ({reason(error)})") from error
    return folder / CARD


def read_card(file: Path) -> str:
    """A card from a file.

    Raises:
        CheckpointError: it cannot be read, or its entries are incomplete.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{file}: cannot be read as a model card ({error})") from error
    check_card(text, str(file))
    return text
