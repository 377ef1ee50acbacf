"""Features of several layers."""

import pytest
import torch

from tests.codec.small import encoder_config, moved, relative_error, signal, small_config
from wavcube.codec import SpeechEncoder, WavCube
from wavcube.errors import ConfigError

WAVEFORM = torch.from_numpy(signal(9_000))[None]


@torch.no_grad()
@pytest.mark.parametrize("family", ["wavlm", "hubert-base", "whisper", "w2v-bert"])
def test_layers_lie_side_by_side_with_norms_of_their_own(family: str) -> None:
    encoder = moved(SpeechEncoder(encoder_config(family, feature_layers=(1, 3, -1))))
    states, _ = encoder.hidden_states(WAVEFORM)
    features, frames = encoder(WAVEFORM)
    norms = encoder.feature_mix.norms
    wanted = torch.cat([norms["1"](states[1]), norms["3"](states[3]), states[4]], dim=-1)
    assert (features.shape[2], encoder.config.feature_width, frames.tolist()) == (192, 192, [27])
    assert relative_error(features, wanted) <= 1e-6


@torch.no_grad()
def test_a_weighted_sum_begins_as_the_mean_and_computes_no_layer_above() -> None:
    encoder = SpeechEncoder(encoder_config("hubert", feature_layers=(0, 2), feature_mix="weighted")).eval()
    assert len(encoder.encoder.layers) == 2
    states, _ = encoder.hidden_states(WAVEFORM)
    norms = encoder.feature_mix.norms
    features, _ = encoder(WAVEFORM)
    assert encoder.config.feature_width == 64
    assert relative_error(features, (norms["0"](states[0]) + norms["2"](states[2])) / 2) <= 1e-6


def test_the_bottleneck_takes_and_restores_what_is_side_by_side() -> None:
    model = WavCube(small_config("layers-concatenated"))
    features = model.features(WAVEFORM[0].numpy(), 16_000)
    latents = model.encode(WAVEFORM[0].numpy(), 16_000)
    assert features.values.shape == (1, 27, 192)
    assert latents.values.shape == (1, 27, 16)
    assert model.restore(latents).values.shape == (1, 27, 192)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"feature_layers": (1, 5)}, r"\[1, 5\].*-1\.\.4"),
        ({"feature_layers": (4, -1)}, "twice"),
        ({"feature_layers": (1,), "feature_layer": 2}, "exclude"),
    ],
)
def test_impossible_choices_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        encoder_config("wavlm", **changes)
