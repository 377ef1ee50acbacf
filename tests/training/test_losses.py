"""Known values and limits of the terms of the objectives."""

import math

import pytest
import torch

from wavcube.audio.spectrogram import LogMel, hertz_to_mel, mel_filterbank, mel_to_hertz
from wavcube.training.discriminators import DiscriminatorOutput
from wavcube.training.losses import (
    MelLoss,
    SpectrumLoss,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
    semantic_loss,
)


def test_semantic_loss_is_zero_for_equal_features():
    features = torch.randn(2, 7, 16)
    assert semantic_loss(features, features).item() == pytest.approx(0.0, abs=1e-6)


def test_semantic_loss_of_opposite_unit_vectors():
    # squared distance 4 over 4 channels = 1; cosine -1, so 1 - (-1) = 2
    features = torch.tensor([[[1.0, 0.0, 0.0, 0.0]]])
    assert semantic_loss(-features, features).item() == pytest.approx(3.0)


def test_semantic_loss_counts_only_real_frames():
    a, b = torch.randn(2, 6, 8), torch.randn(2, 6, 8)
    mask = torch.arange(6) < torch.tensor([[6], [4]])
    spoilt = a.clone()
    spoilt[1, 4:] = 1e3
    whole = torch.cat([a[0], a[1, :4]])[None], torch.cat([b[0], b[1, :4]])[None]
    assert semantic_loss(spoilt, b, mask).item() == pytest.approx(semantic_loss(*whole).item(), rel=1e-6)


def test_hinge_losses_on_known_logits():
    def output(value: float) -> DiscriminatorOutput:
        return DiscriminatorOutput(torch.full((2, 5), value), [torch.full((2, 3, 4), value)])

    assert discriminator_loss([output(2.0)], [output(-2.0)]).item() == 0.0
    assert discriminator_loss([output(0.0), output(2.0)], [output(0.0), output(-2.0)]).item() == 1.0
    assert adversarial_loss([output(0.25), output(3.0)]).item() == pytest.approx(0.375)
    assert feature_matching_loss([output(1.0)], [output(-0.5)]).item() == pytest.approx(1.5)


def test_the_filterbank_spans_the_htk_mel_scale():
    filters = mel_filterbank(16_000, 1024, 100)
    assert filters.shape == (513, 100)
    assert filters.max() <= 1.0
    assert (filters.sum(0) > 0).all()
    assert hertz_to_mel(torch.tensor(700.0)).item() == pytest.approx(2595 * math.log10(2), rel=1e-6)
    hertz = torch.linspace(0, 8000, 50)
    torch.testing.assert_close(mel_to_hertz(hertz_to_mel(hertz)), hertz, rtol=1e-4, atol=1e-2)


def test_log_mel_finds_a_tone_and_floors_silence():
    mel = LogMel()
    tone = torch.sin(2 * math.pi * 1000 * torch.arange(16_000) / 16_000)[None]
    centre = mel_to_hertz((mel(tone)[0, :, 30].argmax() + 1) / 101 * hertz_to_mel(torch.tensor(8000.0)))
    assert abs(centre.item() - 1000) < 40
    assert mel(torch.zeros(1, 4000)).unique().item() == pytest.approx(math.log(1e-7), rel=1e-6)


def test_halving_the_level_moves_the_mel_loss_by_log_two():
    speech = torch.randn(2, 8000)
    assert MelLoss()(0.5 * speech, speech).item() == pytest.approx(math.log(2), rel=1e-4)


def test_spectrum_loss_knows_phase_only_in_its_complex_term():
    loss = SpectrumLoss([512, 128])
    speech = torch.randn(1, 8000)
    same = [term.item() for term in loss(speech, speech)]
    flipped = [term.item() for term in loss(-speech, speech)]
    assert same == pytest.approx([0.0, 0.0], abs=1e-6)
    assert flipped[0] == pytest.approx(0.0, abs=1e-5)
    assert flipped[1] > 0.5


def test_spectrum_loss_has_finite_gradients_at_silence():
    estimate = torch.zeros(1, 4000, requires_grad=True)
    sum(SpectrumLoss([512])(estimate, torch.randn(1, 4000))).backward()
    assert estimate.grad is not None
    assert torch.isfinite(estimate.grad).all()
