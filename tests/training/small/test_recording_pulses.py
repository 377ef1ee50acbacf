"""Pulses are found where they are in a recording."""

import numpy as np
import torch

from wavcube.codec.source_filter.pitch import REFERENCE
from wavcube.training.small.recording_pulses import pulse_times, recording_pulses


def voice(seconds: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A waveform with a resonance after every pulse, times of the pulses, and F0 every 10 ms, a glide with a wobble."""
    samples = round(16_000 * seconds)
    time = np.arange(samples) / 16_000
    f0 = 120 + 60 * time + 5 * np.sin(2 * np.pi * 3 * time)
    phase = np.cumsum(f0) / 16_000
    whole = np.flatnonzero(np.diff(np.floor(phase)) > 0)
    times = whole + (np.ceil(phase[whole]) - phase[whole]) / (phase[whole + 1] - phase[whole])
    decay = np.arange(200) / 16_000
    waveform = np.zeros(samples + 400)
    for t in times:
        start = int(np.floor(t))
        shape = np.exp(-decay * 400) * np.sin(2 * np.pi * 700 * (decay - (t - start) / 16_000))
        waveform[start : start + 200] += shape * (decay * 16_000 >= t - start)
    noise = 0.01 * np.random.default_rng(0).standard_normal(samples)
    return (waveform[:samples] + noise).astype(np.float32), times, f0[::160]


def test_they_keep_one_distance_to_the_true_ones() -> None:
    waveform, times, f0 = voice()
    [found] = pulse_times(waveform, f0, np.ones(len(f0), bool))
    assert abs(len(found) - len(times)) <= 2
    middle = len(found) // 2
    start = times[np.abs(times - found[middle]).argmin()] - found[middle]
    offset = found[1:-1, None] + start - times[None]  # the outermost may lie outside the glide
    assert np.abs(offset).min(1).max() < 2.5  # samples, over 150 pulses


def test_only_voiced_stretches_have_pulses() -> None:
    waveform, _, f0 = voice()
    voiced = np.zeros(len(f0), bool)
    voiced[20:45] = voiced[60:80] = voiced[90] = True
    stretches = pulse_times(waveform, f0, voiced)
    assert len(stretches) == 2  # a single frame is too short
    for (first, last), times in zip(((20, 45), (60, 80)), stretches, strict=True):
        assert 160 * first - 80 <= times.min()
        assert times.max() < 160 * last - 80
        assert (np.diff(times) > 16_000 / 300).all()


def test_the_train_has_unit_power_and_stays_in_place() -> None:
    waveform, _, f0 = voice()
    pitch = torch.stack([torch.from_numpy(np.log(f0 / REFERENCE)), torch.ones(len(f0))], -1).float()
    pitch = torch.stack([pitch, pitch * torch.tensor([1.0, 0.0])])
    pulses = recording_pulses(torch.from_numpy(np.stack([waveform, waveform])), pitch, 15_680)
    assert pulses.shape == (2, 15_680)
    assert not pulses[1].any()
    assert 0.8 < float(pulses[0, 1000:-1000].square().mean()) < 1.2
    [times] = pulse_times(waveform, f0, np.ones(len(f0), bool))
    loudest = pulses[0].abs().unfold(0, 3, 1).amax(1).topk(50).indices.numpy() + 1
    assert np.abs(loudest[:, None] - times[None]).min(1).max() <= 2


def test_silence_and_short_recordings_do_no_harm() -> None:
    pitch = torch.tensor([[[0.0, 1.0]] * 10])
    assert torch.isfinite(recording_pulses(torch.zeros(1, 1600), pitch, 1600)).all()
    assert not recording_pulses(torch.zeros(1, 100), pitch[:, :1], 160).any()
