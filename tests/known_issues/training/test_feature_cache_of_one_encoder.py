"""The cache of features was named by the encoder's weights alone, so that another choice of features read the first."""

import dataclasses

import torch

from wavcube.codec import SpeechEncoder, WavCubeConfig
from wavcube.training.small.feature_cache import FeatureCache

WHISPER = {"family": "whisper", "normalize_waveform": False, "mel_bins": 20}


def test_with_and_without_the_log_mel_are_different_features(tmp_path) -> None:
    torch.manual_seed(0)
    plain = SpeechEncoder(dataclasses.replace(WavCubeConfig.preset("tiny").encoder, **WHISPER)).eval()
    more = SpeechEncoder(dataclasses.replace(plain.config, mel_features=True)).eval()
    more.load_state_dict(plain.state_dict())
    waveform = torch.randn(1, 4000)
    FeatureCache(tmp_path, plain, lambda *crops: plain(*crops)[0]).features(waveform, None)
    found = FeatureCache(tmp_path, more, lambda *crops: more(*crops)[0]).features(waveform, None)
    torch.testing.assert_close(found, more(waveform)[0].detach(), rtol=1e-2, atol=1e-2)
