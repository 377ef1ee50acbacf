"""Long recordings in spans: what is computed at once, and what of it is kept."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """Frames (or samples) `first` to `last` of a recording are computed at once; `start` to `end` of these are kept."""

    first: int
    last: int
    start: int
    end: int

    @property
    def kept(self) -> slice:
        """What is kept of the computed frames."""
        return slice(self.start - self.first, self.end - self.first)


def spans(total: int, core: int, context: int) -> list[Span]:
    """Spans that keep each of `total` frames once, `core` at a time, with `context` frames at both sides."""
    return [
        Span(max(0, start - context), min(total, start + core + context), start, min(total, start + core))
        for start in range(0, total, core)
    ]
