"""SUPERB-SG's network for voice conversion: frames of anyone -> log-mel of one speaker, frame after frame.

An encoder as Tacotron 2's reads frames that were repeated to the rate of the log-mel; a decoder of LSTM cells with a
projection gives one frame of log-mel after another, each from the encoder's state and the frame before.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.padding import valid_mask
from wavcube.understanding.conversion.log_mel import BANDS, HOP, RATE
from wavcube.understanding.heads import reordered, reversal

CONVOLUTIONS, KERNEL, CONVOLUTION_DROPOUT, PRENET_DROPOUT = 3, 5, 0.5, 0.5

PRENET_LAYERS = 2


@dataclass(frozen=True)
class Sequences:
    """Padded sequences [B, T, C] at the rate of the log-mel, of which `lengths` [B] frames are valid."""

    values: Tensor
    lengths: Tensor


class ConversionDecoder(nn.Module):
    """Frames [B, T, C] of anyone to log-mel of the speaker that it was trained on.

    In training it returns the states of the encoder, from which `decode` goes on with the true log-mel; else log-mel
    [B, T', 80], each frame of which follows from the one before. At the published width of 1,024 the convolutions have
    512 channels and the layers on the frame before have 256.

    Args:
        dim: channels of a frame.
        frame_rate: of the frames, in Hz.
        width: of the encoder's states and of the cells.
        depth: LSTM cells.
        dropout: of the cells' outputs.
        mean, deviation: [80], of the target speaker's log-mel.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, dim: int, frame_rate: float, width: int, depth: int, dropout: float, mean: Tensor, deviation: Tensor
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation.clamp_min(1e-5))
        self.frames_each = RATE / HOP / frame_rate
        self.encoder = Encoder(dim, max(1, width // 2), width)
        narrow = max(1, width // 4)
        self.before = nn.ModuleList(nn.Linear(BANDS if i == 0 else narrow, narrow) for i in range(PRENET_LAYERS))
        self.cells = nn.ModuleList(
            ProjectedCell(width + narrow if i == 0 else width, width, dropout) for i in range(depth)
        )
        self.project = nn.Linear(width, BANDS)
        with torch.no_grad():  # log-mel lies far from 0, and a small learning rate takes long to get there
            self.project.bias.copy_(mean)

    def forward(self, values: Tensor, lengths: Tensor) -> Sequences:
        places, lengths = repeated(lengths, self.frames_each)
        values = values.gather(1, places[..., None].expand(-1, -1, values.shape[2]))
        states = Sequences(self.encoder(values, lengths), lengths)
        return states if self.training else Sequences(self.decode(states), lengths)

    def decode(self, states: Sequences, truth: Tensor | None = None) -> Tensor:
        """Log-mel [B, T', 80] from the encoder's states; with `truth` [B, T', 80], each frame follows from the true one
        before it, and not from the one that was made.

        The dropout before the cells is on outside training too, as in Tacotron 2. There its draws are a frame's own:
        the same for all items of a batch, whatever their lengths, and at every call.
        """
        draws = None if self.training else torch.Generator().manual_seed(0)
        batch, width = len(states.values), self.project.in_features
        zeros = states.values.new_zeros(batch, width)
        kept = [(zeros, zeros)] * len(self.cells)
        last = states.values.new_zeros(batch, BANDS)  # as published: unlike later frames, it is not standardised first
        made = []
        for t in range(states.values.shape[1]):
            hidden = torch.cat([states.values[:, t], self._read(last, draws)], 1)
            for i, cell in enumerate(self.cells):
                kept[i] = cell(hidden, *kept[i])
                hidden = kept[i][0]
            made.append(self.project(hidden))
            last = self.standardised(made[-1] if truth is None else truth[:, t])
        return torch.stack(made, 1)

    def standardised(self, values: Tensor) -> Tensor:
        """Log-mel [..., 80] with the mean and deviation of the target speaker's taken off."""
        return (values - self.mean) / self.deviation

    def loss(self, states: Sequences, truth: Sequences) -> Tensor:
        """Mean absolute error of standardised log-mel over frames that both have; a scalar."""
        frames = states.values.shape[1]
        target = F.pad(truth.values, (0, 0, 0, max(0, frames - truth.values.shape[1])))[:, :frames]
        valid = valid_mask(torch.minimum(states.lengths, truth.lengths), frames)
        error = self.standardised(self.decode(states, target)) - self.standardised(target)
        return error[valid].abs().mean()

    def _read(self, last: Tensor, draws: torch.Generator | None) -> Tensor:
        for layer in self.before:
            last = F.relu(layer(last))
            if draws is None:
                last = F.dropout(last, PRENET_DROPOUT)
            else:
                stays = torch.rand(last.shape[1], generator=draws) >= PRENET_DROPOUT
                last = last * stays.to(last) / (1.0 - PRENET_DROPOUT)
        return last


class Encoder(nn.Module):
    """Linear, three convolutions over five frames, bidirectional LSTM: [B, T, dim] to [B, T, width].

    Padding reaches neither the convolutions nor the statistics of the batch normalisation.
    """

    def __init__(self, dim: int, channels: int, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, channels)
        convolutions = [
            nn.Conv1d(channels, channels, KERNEL, padding=KERNEL // 2, bias=False) for _ in range(CONVOLUTIONS)
        ]
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(nn.BatchNorm1d(channels) for _ in range(CONVOLUTIONS))
        self.forwards = nn.LSTM(channels, width // 2, batch_first=True)
        self.backwards = nn.LSTM(channels, width - width // 2, batch_first=True)
        for convolution in convolutions:
            nn.init.xavier_uniform_(convolution.weight, nn.init.calculate_gain("relu"))

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        valid = valid_mask(lengths, values.shape[1])
        hidden = self.project(values) * valid[..., None]
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            found = norm(convolution(hidden.transpose(1, 2)).transpose(1, 2)[valid])
            found = F.dropout(F.relu(found), CONVOLUTION_DROPOUT, self.training)
            hidden = torch.zeros_like(hidden).masked_scatter(valid[..., None], found)
        order = reversal(lengths, values.shape[1])
        later = reordered(self.backwards(reordered(hidden, order))[0], order)
        return torch.cat([self.forwards(hidden)[0], later], 2)


class ProjectedCell(nn.Module):
    """An LSTM cell whose output goes through dropout, a linear layer and tanh before it is used and fed back."""

    def __init__(self, dim: int, width: int, dropout: float) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(dim, width)
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(width, width)

    def forward(self, values: Tensor, output: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Output and memory [B, width] after `values` [B, dim]."""
        output, memory = self.cell(values, (output, memory))
        return torch.tanh(self.project(self.dropout(output))), memory


def repeated(lengths: Tensor, times: float) -> tuple[Tensor, Tensor]:
    """Which frame [B, T'] stands at each place after repetition, `times` for each on average, and how many [B] there
    are: the nearest one before, as in SUPERB-SG; beyond an item's end, its last."""
    counts = (lengths.double() * times).floor().long().clamp_min(1)
    places = (torch.arange(int(counts.max()), device=lengths.device).double() / times).floor().long()
    return torch.minimum(places[None], lengths[:, None] - 1), counts
