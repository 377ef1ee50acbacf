"""A trained pitch network on disk: `config.json` and `model.safetensors` in a folder, which stage 1 takes it from."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from wavcube.codec import EncoderConfig
from wavcube.codec.source_filter.pitch import PitchTracker
from wavcube.configuration.settings import from_dict
from wavcube.errors import CheckpointError, ConfigError
from wavcube.files import follow_umask
from wavcube.run_layout import model_of_run

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FORMAT = "wavcube-pitch-1"


@dataclass(frozen=True)
class PitchConfig:
    """Sizes of the network, and the log-mel that it reads, by their names in `EncoderConfig`."""

    mel_bins: int = 80
    mel_floor: float = 1e-7
    pitch_width: int = 128
    pitch_layers: int = 3

    @classmethod
    def of(cls, encoder: EncoderConfig) -> "PitchConfig":
        """That of an encoder's pitch network."""
        return cls(**{field.name: getattr(encoder, field.name) for field in dataclasses.fields(cls)})

    def build(self) -> PitchTracker:
        """A network with random weights."""
        return PitchTracker(self.mel_bins, self.pitch_width, self.pitch_layers)


def save_pitch(folder: Path, config: PitchConfig, weights: dict[str, Tensor]) -> None:
    """Write a pitch network into a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.detach().cpu().contiguous() for name, value in weights.items()}, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps({"format": FORMAT, **dataclasses.asdict(config)}, indent=2) + "\n")
    follow_umask(folder / WEIGHTS, folder / CONFIG)


def load_pitch(name: str | Path) -> tuple[PitchConfig, PitchTracker]:
    """The pitch network of a run of the task `pitch`, or of a folder that one left.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    folder = model_of_run(Path(name), CONFIG, WEIGHTS) or Path(name)
    advice = "name a run of `wavcube train pitch`"
    try:
        values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise CheckpointError(f"{folder}: holds no pitch network; {advice}")
        config = from_dict(PitchConfig, values)
        network = config.build()
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, ValueError, ConfigError, SafetensorError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise CheckpointError(f"{folder}: no pitch network can be loaded ({reason}); {advice}") from error
    return config, network
