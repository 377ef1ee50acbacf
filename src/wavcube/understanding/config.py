"""Training settings of a head: SUPERB's for each task, and how they are changed."""

from dataclasses import dataclass
from typing import Literal, Self

from wavcube.configuration.settings import with_text
from wavcube.errors import ConfigError

LEARNING_RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
"""The grid that SUPERB allows to search: the learning rate is the one free choice of the protocol."""

SpecAugmentForm = Literal["published", "scaled", "off"]


@dataclass(frozen=True)
class ProbeConfig:
    """Settings of one task's training. Defaults of each task are SUPERB's.

    Attributes:
        steps: updates of the head.
        batch: recordings a batch.
        accumulate: batches an update.
        learning_rate: of the optimiser.
        optimiser: "adam" or "adamw".
        clip: largest norm of the gradient.
        width: of the head's projection (and of its LSTM).
        depth: LSTM layers.
        dropout: of the LSTM.
        crop_seconds: longest part of a recording that is trained on; 0 for all of it.
        bucket: whether recordings of like duration share a batch.
        balanced: whether every class is drawn equally often.
        specaugment: "published" masks up to 50 channels four times whatever the width, as SUPERB's recipe does;
            "scaled" masks the same share of the channels as it does of 1,024; "off".
        normalise: "train" standardises channels by the training split; "none" takes frames as they come (SUPERB).
        evaluations: how often the dev split is evaluated during training.
        lexicon: words and their phones (phoneme recognition).
        upsample: times that each frame is repeated before the head (enhancement, separation).
        language: which recordings of QUESST 2014 are searched; "all" for every language.
        warmup: updates over which the learning rate rises from 0, to fall to 0 over the rest; 0 for a constant one.
        asr: ASR model that word errors of converted speech need, as for `wavcube evaluate`; "" for none.
        speaker: speaker encoder that the acceptance of converted speech needs, as there; "" for none.
    """

    steps: int = 200_000
    batch: int = 32
    accumulate: int = 1
    learning_rate: float = 1e-4
    optimiser: Literal["adam", "adamw"] = "adam"
    clip: float = 1.0
    width: int = 256
    depth: int = 0
    dropout: float = 0.0
    crop_seconds: float = 0.0
    bucket: bool = False
    balanced: bool = False
    specaugment: SpecAugmentForm = "off"
    normalise: Literal["train", "none"] = "train"
    evaluations: int = 40
    lexicon: str = ""
    language: str = "nnenglish"
    upsample: int = 1
    warmup: int = 0
    asr: str = ""
    speaker: str = ""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "accumulate", "width", "evaluations", "upsample"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.warmup <= self.steps:
            raise ConfigError(f"warmup must be from 0 to steps ({self.steps}), not {self.warmup}; set it too")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be above 0, not {self.learning_rate}")

    def changed(self, settings: dict[str, str]) -> Self:
        """With settings replaced, given as text; an unknown one is an error that names it.

        Raises:
            ConfigError: an unknown setting or an impossible value.
        """
        return with_text(self, settings)
