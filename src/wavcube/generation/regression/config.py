"""The configuration of a model that regresses latents, which is also its `config.json`."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from wavcube.configuration.settings import from_dict, read_config
from wavcube.errors import ConfigError
from wavcube.generation.flow.config import RepresentationConfig
from wavcube.generation.flow.frame_transformer import FrameTransformerConfig


@dataclass(frozen=True)
class RegressorConfig:
    """A model; subclasses say what it is for (`FORMAT` in the file, `WHAT` in errors).

    Attributes:
        transformer: sizes.
        representation: the latents that it gets and gives.
        features: channels of the encoder's features, which it also sees.
        window_seconds: length of what it was trained on; longer speech goes through in overlapping windows.
    """

    FORMAT = ""
    WHAT = ""

    transformer: FrameTransformerConfig = field(default_factory=FrameTransformerConfig)
    representation: RepresentationConfig = field(default_factory=RepresentationConfig)
    features: int = 1024
    window_seconds: float = 5.0

    def __post_init__(self) -> None:
        if self.features < 1 or not 0.5 <= self.window_seconds < 60:
            raise ConfigError(
                f"features is {self.features} and window_seconds {self.window_seconds}; give 1 or more, and 0.5 to 60"
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a `config.json`.

        Raises:
            ConfigError: it cannot be read, is of something else, or has an unknown key or impossible value.
        """
        what = f"the configuration of {cls.WHAT}"
        return read_config(path, cls.FORMAT, what, lambda values: from_dict(cls, values))

    def save(self, path: Path) -> None:
        values = {"format": self.FORMAT, **dataclasses.asdict(self)}
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
