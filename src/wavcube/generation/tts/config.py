"""The configuration of a text-to-speech model: typed dataclasses that are also its `config.json`."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from wavcube.configuration.aliases import TTS, with_new_names
from wavcube.configuration.settings import from_dict, read_config
from wavcube.generation.flow.config import RepresentationConfig, TransformerConfig

FORMAT = "wavcube-tts-1"


@dataclass(frozen=True)
class FlowMatchingTTSConfig:
    """A text-to-speech model.

    Attributes:
        text_frontend: how text becomes tokens (`TextFrontend`).
        tokens: the vocabulary; the first is the space.
        durations: how tokens get theirs where the text alignment is "duration": "network" draws them
            (`DurationNetwork`), "averages" is what models have that were trained before it.
        languages: of the training data, for documentation.
    """

    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    representation: RepresentationConfig = field(default_factory=RepresentationConfig)
    text_frontend: str = "characters"
    tokens: tuple[str, ...] = (" ",)
    durations: Literal["averages", "network"] = "averages"
    languages: tuple[str, ...] = ("en",)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a `config.json`.

        Raises:
            ConfigError: it cannot be read, is of something else, or has an unknown key or impossible value.
        """
        what = "the configuration of a text-to-speech model"
        where = "the model's configuration"
        return read_config(path, FORMAT, what, lambda values: from_dict(cls, with_new_names(values, TTS, where)))

    def save(self, path: Path) -> None:
        values = {"format": FORMAT, **dataclasses.asdict(self)}
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
