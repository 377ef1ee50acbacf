"""Sizes of the diffusion transformer, and the description of the frames that it makes."""

from dataclasses import dataclass
from typing import Any, Protocol, Self

from wavcube.errors import ConfigError

TEXT_ALIGNMENTS = ("prepend", "uniform", "duration")

FEW_STEPS = (0, 1, 2, 4, 8)
"""Steps that a distilled model may have: 16 steps are its teacher's, and it takes several of them at once."""


class BlockSizes(Protocol):
    """Sizes that the blocks of a transformer over frames have, whatever it is for."""

    @property
    def width(self) -> int: ...

    @property
    def layers(self) -> int: ...

    @property
    def heads(self) -> int: ...

    @property
    def feed_forward(self) -> int: ...

    @property
    def dropout(self) -> float: ...

    @property
    def position_kernel(self) -> int: ...

    @property
    def position_groups(self) -> int: ...


def check_block_sizes(sizes: BlockSizes) -> None:
    """Refuse sizes that no transformer can have.

    Raises:
        ConfigError: names the size.
    """
    for name in ("width", "layers", "heads", "feed_forward", "position_kernel", "position_groups"):
        if getattr(sizes, name) < 1:
            raise ConfigError(f"transformer.{name} is {getattr(sizes, name)}; it must be 1 or more")
    if sizes.width % sizes.heads or (sizes.width // sizes.heads) % 2:
        raise ConfigError(f"transformer.width {sizes.width} must be an even multiple of its {sizes.heads} heads")
    if sizes.width % sizes.position_groups:
        raise ConfigError(f"transformer.width {sizes.width} is no multiple of position_groups")
    if sizes.position_kernel % 2 == 0:
        raise ConfigError(f"transformer.position_kernel is {sizes.position_kernel}; it must be odd")
    if not 0 <= sizes.dropout < 1:
        raise ConfigError(f"transformer.dropout is {sizes.dropout}; it lies from 0 to below 1")


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of the diffusion transformer; the defaults are F5-TTS "Base" (arXiv 2410.06885).

    Attributes:
        width, layers, heads: of the transformer.
        feed_forward: hidden width of the feed-forward, in multiples of `width`.
        dropout: after attention and inside the feed-forward, in training.
        text_width: of the text embedding.
        text_layers: ConvNeXt V2 blocks on it.
        text_alignment: the frames that each token is put on: "prepend", one frame a token from the first frame on
            (F5-TTS); "uniform", evenly over all frames (ZipVoice, arXiv 2506.13053), which small models learn to align
            sooner; "duration", the frames where it is spoken, from a forced alignment in training and a duration
            predictor in synthesis, and only frames to be generated, so that a prompt needs no text. This takes by far
            the fewest steps.
        position_kernel, position_groups: kernel size and groups of the convolutional position embedding.
        few_steps: steps in which a distilled model makes speech, without guidance (few_steps.py); 0 for a model that is
            not distilled.
    """

    width: int = 1024
    layers: int = 22
    heads: int = 16
    feed_forward: int = 2
    dropout: float = 0.1
    text_width: int = 512
    text_layers: int = 4
    text_alignment: str = "prepend"
    position_kernel: int = 31
    position_groups: int = 16
    few_steps: int = 0

    def __post_init__(self) -> None:
        check_block_sizes(self)
        if self.text_width < 1:
            raise ConfigError(f"transformer.text_width is {self.text_width}; it must be 1 or more")
        if self.text_layers < 0 or self.text_width % 2:
            raise ConfigError("transformer.text_width must be even and text_layers not below 0")
        if self.few_steps not in FEW_STEPS:
            raise ConfigError(f"transformer.few_steps is {self.few_steps}; there are {', '.join(map(str, FEW_STEPS))}")
        if self.text_alignment not in TEXT_ALIGNMENTS:
            raise ConfigError(
                f"transformer.text_alignment is {self.text_alignment!r}; there are {', '.join(TEXT_ALIGNMENTS)}"
            )

    @classmethod
    def preset(cls, name: str) -> Self:
        """One of `PRESETS`.

        Raises:
            ConfigError: there is none of this name.
        """
        if name not in PRESETS:
            raise ConfigError(f"no transformer preset {name!r}; there are {', '.join(PRESETS)}")
        return cls(**PRESETS[name])


PRESETS: dict[str, dict[str, Any]] = {
    "base": {},
    "small": {"width": 768, "layers": 18, "heads": 12},
    "nano": {
        "width": 256, "layers": 8, "heads": 4, "dropout": 0.0, "text_width": 256, "text_alignment": "duration",
    },
    "tiny": {
        "width": 64, "layers": 2, "heads": 2, "dropout": 0.0, "text_width": 32, "text_layers": 2, "position_kernel": 7,
    },
}  # fmt: skip
"""base and small are those of F5-TTS; nano is for a CPU (docs/generation.md); tiny for tests."""


@dataclass(frozen=True)
class RepresentationConfig:
    """Frames that the model makes.

    Attributes:
        spec: where they come from, for `build_feature_extractor`; on another machine the folder may lie elsewhere.
        fingerprint: of these frames (`FeatureExtractor.fingerprint`), so that others are refused.
        channels: C of a frame.
        frame_rate: frames a second, in Hz.
        sample_rate: of the speech, in Hz.
    """

    spec: str = "wavcube"
    fingerprint: str = ""
    channels: int = 128
    frame_rate: float = 50.0
    sample_rate: int = 16_000
