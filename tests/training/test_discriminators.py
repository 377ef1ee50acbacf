"""The discriminators against the public implementation's numbers, and their shapes."""

import numpy as np
import pytest
import torch

from tests.locations import GOLDEN
from wavcube.training.discriminators import DiscriminatorConfig, Discriminators, from_published_names
from wavcube.training.losses import MelLoss, adversarial_loss, discriminator_loss, feature_matching_loss

FAMILIES = {"period": "multiperioddisc.", "band": "multiresddisc."}


@pytest.fixture(scope="module")
def golden():
    return np.load(GOLDEN / "training.npz")


def _formula_weights(network: Discriminators) -> dict[str, torch.Tensor]:
    """Published names -> values by the golden numbers' formula, which counts the sorted names within a family."""
    weights = {}
    for family, prefix in FAMILIES.items():
        shapes = {}
        for name, value in network.families[family].named_parameters():
            published = name.replace("parametrizations.weight.original0", "weight_g")
            shapes[published.replace("parametrizations.weight.original1", "weight_v")] = value.shape
        for i, name in enumerate(sorted(shapes)):
            shape = shapes[name]
            wave = torch.cos(0.37 * torch.arange(shape.numel(), dtype=torch.float64) + i).reshape(shape)
            value = {"weight_g": 1 + 0.1 * wave, "bias": 0.1 * wave}.get(name.rpartition(".")[2], 0.03 * wave)
            weights[prefix + name] = value.float()
    return weights


@pytest.fixture(scope="module")
def outputs(golden):
    network = Discriminators(DiscriminatorConfig())
    network.load_state_dict(from_published_names(_formula_weights(network)))
    with torch.no_grad():
        return network(torch.from_numpy(golden["real"])), network(torch.from_numpy(golden["fake"]))


@pytest.mark.parametrize("family", FAMILIES)
def test_score_maps_agree_with_the_reference(golden, outputs, family):
    for name, families in zip(("real", "fake"), outputs, strict=True):
        for i, output in enumerate(families[family]):
            expected = torch.from_numpy(golden[f"{family}/{i}_{name}"])
            found = output.logits.flatten()[::37]
            assert (found - expected).norm() / expected.norm() < 3e-5  # 1.1e-5 on a processor with AVX2 alone


@pytest.mark.parametrize("family", FAMILIES)
def test_feature_map_distances_agree_with_the_reference(golden, outputs, family):
    real, fake = outputs
    for i, (a, b) in enumerate(zip(real[family], fake[family], strict=True)):
        found = [(x - y).abs().mean().item() for x, y in zip(a.feature_maps, b.feature_maps, strict=True)]
        np.testing.assert_allclose(found, golden[f"{family}/{i}_fmap_l1"], rtol=1e-5, atol=2e-8)


@pytest.mark.parametrize("family", FAMILIES)
def test_losses_agree_with_the_reference(golden, outputs, family):
    real, fake = (families[family] for families in outputs)
    assert discriminator_loss(real, fake).item() == pytest.approx(golden[f"{family}/discriminator_loss"], rel=1e-5)
    assert adversarial_loss(fake).item() == pytest.approx(golden[f"{family}/generator_loss"], rel=1e-5)
    assert feature_matching_loss(real, fake).item() == pytest.approx(golden[f"{family}/feature_matching"], rel=1e-5)


def test_mel_loss_agrees_with_the_reference(golden):
    loss = MelLoss()(torch.from_numpy(golden["fake"]), torch.from_numpy(golden["real"]))
    assert loss.item() == pytest.approx(golden["mel_l1"], rel=1e-5)


SMALL = DiscriminatorConfig(periods=[2, 5], period_channels=[4, 8], windows=[256], band_channels=4)


def test_sizes_are_configurable():
    network = Discriminators(SMALL)
    outputs = network(torch.randn(3, 4001))
    assert [len(outputs["period"]), len(outputs["band"])] == [2, 1]
    assert sum(p.numel() for p in network.parameters()) < 20_000
    assert list(Discriminators(DiscriminatorConfig(periods=[], windows=[256]))(torch.randn(1, 4000))) == ["band"]


def test_an_item_is_scored_as_if_it_were_alone():
    torch.manual_seed(0)
    network = Discriminators(SMALL)
    waveform = torch.randn(2, 4001) * torch.tensor([[1.0], [0.1]])
    together, alone = network(waveform), network(waveform[1:])
    for family in together:
        for a, b in zip(together[family], alone[family], strict=True):
            torch.testing.assert_close(a.logits[1:], b.logits, rtol=1e-5, atol=1e-6)
