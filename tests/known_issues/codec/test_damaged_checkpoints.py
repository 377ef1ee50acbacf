"""A damaged file of a run's checkpoint ended in a traceback of the unpickler (IndexError, EOFError, KeyError)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from lightning.fabric import Fabric

from tests.engine.conftest import recordings, small_config, small_settings  # noqa: F401
from tests.engine.test_checkpoints import fabric, save, state  # noqa: F401
from wavcube.engine.checkpoints import DISCRIMINATOR, OPTIMIZERS, TrainerState, load_checkpoint
from wavcube.errors import CheckpointError
from wavcube.run_layout import STATE

Damage = Callable[[bytes], Iterator[bytes]]


def shortened(content: bytes) -> Iterator[bytes]:
    """Cut at many places, in the pickle at the beginning and in the directory at the end of the archive too."""
    for part in (0, 1, 2, 3, 30, 64, 100, 400, len(content) // 2, len(content) - 400, len(content) - 22):
        yield content[:part]
    yield content[:-1]


def overwritten(content: bytes) -> Iterator[bytes]:
    """Bytes of the pickle that are others."""
    for place in range(70, min(len(content), 900), 61):
        yield content[:place] + bytes(255 - value for value in content[place : place + 3]) + content[place + 3 :]
    yield bytes(len(content))
    yield b"nonsense"


@pytest.mark.parametrize("damage", [shortened, overwritten])
@pytest.mark.parametrize("name", [OPTIMIZERS, DISCRIMINATOR, "trainer/rank-00000.pt", STATE])
def test_every_damage_is_one_sentence(
    name: str,
    damage: Damage,
    tmp_path: Path,
    fabric: Fabric,  # noqa: F811
    state: TrainerState,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wavcube.engine.checkpoints.set_optimizer_state_dict", lambda *_, **__: None)  # slow
    whole = save(fabric, tmp_path, state, 1)
    content = (whole / name).read_bytes()
    said = []
    for damaged in damage(content):
        (whole / name).write_bytes(damaged)
        try:
            load_checkpoint(fabric, whole, state)
        except CheckpointError as error:
            said.append(str(error))
    assert len(said) >= 2  # a byte of a tensor's values may be any
    assert all(f"{whole}: training cannot go on from it" in text and "\n" not in text for text in said)


def test_another_content_is_one_sentence(tmp_path: Path, fabric: Fabric, state: TrainerState) -> None:  # noqa: F811
    whole = save(fabric, tmp_path, state, 1)
    for content in (None, [], {}, torch.zeros(3), {"random": 3}, {"networks": {}}):
        for name in (OPTIMIZERS, "trainer/rank-00000.pt"):
            kept = (whole / name).read_bytes()
            torch.save(content, whole / name)
            with pytest.raises(CheckpointError, match="training cannot go on from it"):
                load_checkpoint(fabric, whole, state)
            (whole / name).write_bytes(kept)
