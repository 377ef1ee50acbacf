"""A model as a folder that s3prl and torch.hub take for one of their upstreams: hubconf.py, expert.py and the model.

s3prl itself is not imported here; `wavcube.integrations.s3prl` has the class that is named.
"""

import os
import tempfile
from pathlib import Path

from wavcube.codec.checkpoint.folder import load_checkpoint, read_weights, write_checkpoint
from wavcube.codec.networks import WavCubeNetworks
from wavcube.errors import CheckpointError
from wavcube.files import follow_umask, reason

HUBCONF, EXPERT, REQUIREMENTS, MODEL = "hubconf.py", "expert.py", "requirements.txt", "model"

_HUBCONF_TEXT = '''"""Upstreams of s3prl, and entry points of torch.hub, for the model beside this file."""

from pathlib import Path

from wavcube.integrations.s3prl.compatibility import fill_gaps as _fill_gaps
from wavcube.integrations.s3prl.upstream import UpstreamExpert as _UpstreamExpert

dependencies = ["torch", "wavcube"]

_MODEL = str(Path(__file__).resolve().parent / "model")

if __name__.startswith("s3prl."):
    _fill_gaps()  # s3prl's runner, which comes after this, imports names that current libraries lack


def wavcube(ckpt=None, *args, **kwargs):
    """The latents; `ckpt` names another checkpoint folder or hub id."""
    return _UpstreamExpert(ckpt or _MODEL, *args, part="latents", **kwargs)


def wavcube_features(ckpt=None, *args, **kwargs):
    """What the encoder gives."""
    return _UpstreamExpert(ckpt or _MODEL, *args, part="features", **kwargs)


def wavcube_restored(ckpt=None, *args, **kwargs):
    """The restorer's estimate of the features."""
    return _UpstreamExpert(ckpt or _MODEL, *args, part="restored", **kwargs)
'''

_EXPERT_TEXT = '''"""What s3prl takes from a model of the Hugging Face hub (--hub huggingface)."""

from wavcube.integrations.s3prl.upstream import UpstreamExpert  # noqa: F401
'''


def write_s3prl_folder(checkpoint: Path, folder: str | Path) -> None:
    """Write a checkpoint as an upstream's folder; it appears whole.

    Raises:
        CheckpointError: the folder exists and is not empty, or cannot be written; or the checkpoint is none.
    """
    folder = Path(folder)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise CheckpointError(f"{folder}: exists and is not empty; give a new folder")
    model = load_checkpoint(WavCubeNetworks, checkpoint)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".partial-") as temporary:
            made = Path(temporary) / "upstream"
            write_checkpoint(made / MODEL, model.config, read_weights(checkpoint)[0], model.identity)
            texts = {"__init__.py": "", HUBCONF: _HUBCONF_TEXT, EXPERT: _EXPERT_TEXT, REQUIREMENTS: "wavcube\n"}
            for name, text in texts.items():
                (made / name).write_text(text, encoding="utf-8")
            follow_umask(*(made / name for name in texts))
            if folder.is_dir():
                folder.rmdir()
            os.replace(made, folder)
    except OSError as error:
        raise CheckpointError(f"{folder}: cannot be written ({reason(error)})") from error
