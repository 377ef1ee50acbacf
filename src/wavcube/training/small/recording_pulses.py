"""Pulses in the phase of a recording, from which a source-filter decoder learns what its filters do to phase.

A decoder that makes its own phase cannot be compared with the recording sample by sample, unless its pulses are where
the recording's are. F0 and voicing are those of the pitch network; from the strongest sample in the middle of a voiced
stretch, the pulses before and after it are found one by one where the waveform is most like itself a period away.
"""

import numpy as np
import torch
from torch import Tensor

from wavcube.codec.source_filter.decoder import HIGHEST, LOWEST, PITCH_HOP
from wavcube.codec.source_filter.pitch import REFERENCE
from wavcube.framing import SAMPLE_RATE

NEAREST, FARTHEST = 0.8, 1.25
"""Where the next pulse is looked for, in periods."""

LEAST_CORRELATION = 0.3
"""Below it the next pulse is a period away, by F0."""

MARGIN = 2 * round(SAMPLE_RATE / LOWEST)
"""Samples of silence around a recording, so that windows at its ends are whole."""

REACH = 16
"""Samples to both sides of a band-limited pulse."""


@torch.no_grad()
def recording_pulses(waveform: Tensor, pitch: Tensor, samples: int) -> Tensor:
    """Pulses of unit power where speech is voiced, as `pulse_train` makes them, but where the recording's are.

    Args:
        waveform: [B, S].
        pitch: [B, F, 2], log of F0 over 160 Hz and probability of voicing every 160 samples.
        samples: of the result [B, samples].
    """
    rows = []
    for row, track in zip(waveform.float().cpu().numpy(), pitch.float().cpu().numpy(), strict=True):
        f0 = np.clip(REFERENCE * np.exp(track[:, 0]), LOWEST, HIGHEST)
        rows.append(_train(pulse_times(row, f0, track[:, 1] > 0.5), samples))
    return torch.from_numpy(np.stack(rows)).to(waveform.device)


def pulse_times(waveform: np.ndarray, f0: np.ndarray, voiced: np.ndarray) -> list[np.ndarray]:
    """Times of pulses, in samples and not rounded, of every voiced stretch.

    Args:
        waveform: [S].
        f0, voiced: [F], in Hz and whether, every 160 samples.
    """
    padded = np.pad(waveform, MARGIN)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], voiced, [False]]).astype(int))).reshape(-1, 2)
    stretches = []
    for first, last in edges:
        low, high = max(0, PITCH_HOP * first - PITCH_HOP // 2), PITCH_HOP * last - PITCH_HOP // 2
        high = min(high, len(waveform))
        if high - low < SAMPLE_RATE / LOWEST:
            continue
        middle = (low + high) // 2
        period = _period(f0, middle)
        begin = max(low, round(middle - period / 2))
        start = begin + int(np.abs(waveform[begin : begin + round(period) + 1]).argmax())
        before, after = (_follow(padded, f0, start, step, (low, high)) for step in (-1, 1))
        stretches.append(np.array([*before[::-1], start, *after]))
    return stretches


def _period(f0: np.ndarray, sample: float) -> float:
    """In samples."""
    return SAMPLE_RATE / float(np.interp(sample, PITCH_HOP * np.arange(len(f0)), f0))


def _follow(padded: np.ndarray, f0: np.ndarray, start: float, step: int, bounds: tuple[int, int]) -> list[float]:
    """Pulses after (`step` 1) or before (-1) the one at `start`, as long as they are within the bounds."""
    found: list[float] = []
    time = float(start)
    while True:
        period = _period(f0, time)
        half, centre = round(period / 2), MARGIN + round(time)
        shifts = np.arange(round(NEAREST * period), round(FARTHEST * period) + 1)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
        template, others = windows[centre - half], windows[np.clip(centre - half + step * shifts, 0, len(windows) - 1)]
        norms = np.linalg.norm(others, axis=1) * np.linalg.norm(template) + 1e-9
        likeness = (others @ template) / norms
        best = int(likeness.argmax())
        time += step * (shifts[best] + _peak(likeness, best) if likeness[best] >= LEAST_CORRELATION else period)
        if not bounds[0] <= time < bounds[1]:
            return found
        found.append(time)


def _peak(values: np.ndarray, best: int) -> float:
    """Offset of a parabola's peak through the best value and its neighbours, -0.5 to 0.5."""
    if not 0 < best < len(values) - 1:
        return 0.0
    left, middle, right = values[best - 1 : best + 2]
    bend = left - 2 * middle + right
    return float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def _train(stretches: list[np.ndarray], samples: int) -> np.ndarray:
    """Band-limited pulses [samples] at `stretches` of times, the root of a period high."""
    train = np.zeros(samples + 2 * REACH + 1, np.float32)
    for times in stretches:
        if len(times) < 2:
            continue
        steps = np.diff(times)
        period = np.minimum(np.append(steps, steps[-1]), np.insert(steps, 0, steps[0]))
        whole = np.floor(times).astype(int)
        offset = np.arange(1 - REACH, REACH + 1) - (times - whole)[:, None]
        shape = np.sinc(offset) * (0.5 + 0.5 * np.cos(np.pi * np.clip(offset / REACH, -1, 1)))
        place = np.clip(whole[:, None] + np.arange(1, 2 * REACH + 1), 0, len(train) - 1)
        np.add.at(train, place, (shape * np.sqrt(period)[:, None]).astype(np.float32))
    return train[REACH : REACH + samples]
