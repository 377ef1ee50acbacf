"""`LatentSeparator`: features and latent of two talkers at once -> the latents of both."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from wavcube.generation.regression.model import LatentRegressor
from wavcube.generation.regression.spans import Span
from wavcube.generation.separation.config import SeparatorConfig

INITIAL_STD = 0.02
"""Of the last layer's weights: from zeros, both outputs would be one and no order would fit better than the other."""

WINDOWS_AT_ONCE = 8


@dataclass(frozen=True)
class Enrolment:
    """A voice that is known: features [E, H] and latents [E, C] of a recording of it."""

    features: Tensor
    latents: Tensor


class LatentSeparator(LatentRegressor):
    """A transformer whose two outputs are added to the mixture's latent.

    An enrolment's frames stand behind the mixture's; then the first output is the voice in it. Three more channels of
    a frame say where it is: in a mixture alone, in one with an enrolment, in an enrolment.
    """

    config_type = SeparatorConfig
    title = "speech separation model"
    packaged = Path(__file__).parent / "pretrained" / "small"
    outputs = 2
    flags = 3

    def __init__(self, config: SeparatorConfig) -> None:
        super().__init__(config)
        nn.init.normal_(self.transformer.output.weight, std=INITIAL_STD)

    def forward(
        self,
        features: Tensor,
        latents: Tensor,
        enrolment_features: Tensor | None = None,
        enrolment_latents: Tensor | None = None,
        enrolled: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """The normalised latents [B, T, 2, C] of both talkers.

        Args:
            features: [B, T, H] of the mixtures.
            latents: [B, T, C] of the mixtures.
            enrolment_features, enrolment_latents: [B, E, H] and [B, E, C] of a voice in each.
            enrolled: [B], whether an item has an enrolment; None for all.
            lengths: [B], frames of each mixture; None where all have T.
        """
        batch, total = latents.shape[:2]
        counts = torch.full((batch,), total, device=latents.device) if lengths is None else lengths
        mixtures = self.frames(features, latents)
        known = enrolment_features is not None and enrolment_latents is not None
        has = torch.zeros(batch, dtype=torch.bool, device=latents.device)
        if known:
            has = torch.ones_like(has) if enrolled is None else enrolled
            prompts = self.frames(enrolment_features, enrolment_latents)  # type: ignore[arg-type]
        rows = []
        for i, count in enumerate(counts.tolist()):
            row = _flagged(mixtures[i, :count], 1 if has[i] else 0)
            rows.append(torch.cat([row, _flagged(prompts[i], 2)]) if has[i] else row)
        made = self._corrections(rows, total)
        return self.normalise(latents)[:, :, None] + made.unflatten(-1, (2, -1))

    def _corrections(self, rows: list[Tensor], total: int) -> Tensor:
        """What the transformer gives for the first frames [B, total, 2 C] of rows. Those of one length go through
        together: a batch of which half has an enrolment takes a fifth less time than padded."""
        made = rows[0].new_zeros(len(rows), total, 2 * self.config.representation.channels)
        for length in {len(row) for row in rows}:
            same = [i for i, row in enumerate(rows) if len(row) == length]
            found = self.transformer(torch.stack([rows[i] for i in same]))[:, :total]
            made[same, : found.shape[1]] = found.to(made.dtype)
        return made

    @torch.no_grad()
    def separated(
        self, features: Tensor, latents: Tensor, enrolment: Enrolment | None = None
    ) -> Iterator[tuple[Span, Tensor]]:
        """The latents [t, 2, C], float32, of each window of features [T, H] and latents [T, C]; the order of the two
        is that of each window alone, but with an enrolment."""
        windows = self.windows(len(latents))
        for start in range(0, len(windows), WINDOWS_AT_ONCE):
            group = windows[start : start + WINDOWS_AT_ONCE]
            pieces = [
                pad_sequence([values[w.first : w.last].to(self.device, torch.float32) for w in group], True)
                for values in (features, latents)
            ]
            lengths = torch.tensor([w.last - w.first for w in group], device=self.device)
            known = (enrolment.features, enrolment.latents) if enrolment else ()
            prompts = [v.to(self.device)[None].expand(len(group), -1, -1) for v in known]
            made = self(*pieces, *prompts, lengths=lengths if len(group) > 1 else None)
            made = made * self.latent_std + self.latent_mean
            yield from ((w, values[: w.last - w.first]) for w, values in zip(group, made, strict=True))


def _flagged(frames: Tensor, place: int) -> Tensor:
    flags = frames.new_zeros(len(frames), LatentSeparator.flags)
    flags[:, place] = 1
    return torch.cat([frames, flags], -1)
