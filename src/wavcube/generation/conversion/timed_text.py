"""A text whose tokens have times, cut at pauses into pieces that can be generated at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wavcube.generation.tts.text.frontend import TextError


@dataclass
class TimedText:
    """Tokens and when they are spoken.

    Attributes:
        token_ids: [N], the first and the last of them pauses.
        ends: [N], the frame at which each ends, rising, from the text's own start; the last one is its length.
    """

    token_ids: list[int]
    ends: Tensor

    @property
    def frames(self) -> int:
        return round(float(self.ends[-1]))

    def pieces(self, pauses: Sequence[bool], longest: int) -> "list[TimedText]":
        """The text in pieces of at most `longest` frames, cut inside the longest pause of each second half.

        Args:
            pauses: [V], for each token of the vocabulary whether it is a pause.
            longest: frames of a piece.

        Raises:
            TextError: there is no pause where one is needed.
        """
        token_ids, ends, found = self.token_ids, self.ends, []
        while ends[-1] > longest:
            starts = torch.cat([ends.new_zeros(1), ends[:-1]])
            middles = ((starts + ends) / 2).round()
            usable = torch.tensor([pauses[token_id - 1] for token_id in token_ids])
            usable &= (middles > longest / 2) & (middles <= longest)
            if not usable.any():
                raise TextError("the text does not fit the recording: one of its words would last many seconds")
            cut = int(torch.where(usable, ends - starts, -1.0).argmax())
            place = middles[cut]
            found.append(TimedText(token_ids[: cut + 1], torch.cat([ends[:cut], place[None]])))
            token_ids, ends = token_ids[cut:], ends[cut:] - place
        return [*found, TimedText(token_ids, ends)]
