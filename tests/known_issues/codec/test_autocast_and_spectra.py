"""Training in bf16 had log-mel, pitch and linear latent in bf16 too: quiet bins were noise, F0 a staircase."""

import torch

from tests.codec.small import signal
from tests.codec.source_filter.test_decoder import small_model


def test_spectra_pitch_and_linear_latent_are_computed_in_float32() -> None:
    model = small_model()
    waveform = torch.from_numpy(0.1 * signal(16_000))[None]
    waveform[:, 8_000:] *= 1e-3
    with torch.no_grad():
        exact, _ = model.encoder(waveform)
        with torch.autocast("cpu", torch.bfloat16):
            features, _ = model.encoder(waveform)
            latent = model.compressor(features).latent
            pitch, _ = model.decoder.controls(latent)
        torch.testing.assert_close(features[..., :44], exact[..., :44], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(latent, model.compressor(features).latent, rtol=1e-5, atol=1e-5)
    assert pitch.dtype == torch.float32
    assert not torch.equal(pitch, pitch.bfloat16().float())
