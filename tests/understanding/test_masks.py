import pytest
import torch

from wavcube.understanding.heads import MaskNetwork
from wavcube.understanding.masks import BINS, mask_loss, masked_waveforms, phase_sensitive, spectrum


@pytest.mark.parametrize("hop", [160, 320])
def test_a_mask_of_ones_gives_the_mixture_back(hop: int) -> None:
    waveform = torch.randn(7003)
    frames = 7003 // hop + 1
    assert spectrum(waveform, hop).shape == (frames, BINS)
    # The last frame is repeated where masks have fewer than the spectrum.
    [made] = masked_waveforms(torch.ones(1, frames - 2, BINS), waveform, hop)
    assert torch.allclose(made, waveform, atol=1e-3)


def test_the_target_is_what_lies_along_the_mixture() -> None:
    mixture = torch.tensor([1 + 0j, 2j, 3 + 0j])
    sources = torch.tensor([[0.5 + 4j, 1j, -2 + 0j]])
    assert torch.allclose(phase_sensitive(mixture, sources), torch.tensor([[0.5, 1.0, 0.0]]))


def test_the_loss_takes_the_better_order() -> None:
    spectra = spectrum(torch.randn(3, 4000), 320)
    masks = torch.rand(2, spectra.shape[1], BINS)
    loss = mask_loss(masks, spectra[0], spectra[1:])
    assert torch.equal(loss, mask_loss(masks.flip(0), spectra[0], spectra[1:]))
    perfect = phase_sensitive(spectra[0], spectra[1:]) / spectra[0].abs()
    assert float(mask_loss(perfect.flip(0), spectra[0], spectra[1:])) < 1e-8


@pytest.mark.parametrize("upsample", [1, 2])
def test_padding_changes_no_mask(upsample: int) -> None:
    torch.manual_seed(0)
    head = MaskNetwork(6, 8, 3, 0.5, 2 * BINS, upsample).eval()
    values, lengths = torch.randn(2, 12, 6), torch.tensor([12, 7])
    together = head(values, lengths)
    assert together.shape == (2, 12 * upsample, 2 * BINS)
    alone = head(values[1:, :7], lengths[1:])
    torch.testing.assert_close(together[1:, : 7 * upsample], alone)
    assert bool((together >= 0).all())
