"""Whisper's encoder against transformers' own; batches, chunks and checkpoints are tested with the other families."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from tests.codec.small import encoder_config, moved, relative_error, signal
from wavcube.codec import EncoderConfig, SpeechEncoder
from wavcube.codec.encoder.positions import SinusoidalPositions
from wavcube.codec.log_mel import WhisperLogMel
from wavcube.errors import CheckpointError, ConfigError

SAMPLES = 16_080
"""50 frames, as many as the small Whisper always takes in."""


def whisper() -> transformers.WhisperModel:
    sizes = {"d_model": 64, "encoder_layers": 4, "encoder_attention_heads": 4, "encoder_ffn_dim": 128}
    config = transformers.WhisperConfig(
        **sizes,
        decoder_layers=1,
        decoder_attention_heads=4,
        decoder_ffn_dim=16,
        num_mel_bins=20,
        max_source_positions=50,
        vocab_size=100,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    model = transformers.WhisperModel(config)
    positions = model.encoder.embed_positions.weight.detach().clone()  # sinusoids in every published Whisper
    moved(model).encoder.embed_positions.weight.data = positions
    return model


def test_the_log_mel_is_theirs() -> None:
    """Where nothing is as quiet as the floor, and away from a recording's ends."""
    waveform = 0.3 * np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    theirs = transformers.WhisperFeatureExtractor(feature_size=80)(
        waveform, sampling_rate=16_000, return_tensors="pt", padding=False, return_attention_mask=False
    )["input_features"][0]
    ours = WhisperLogMel(EncoderConfig(family="whisper", normalize_waveform=False))(torch.from_numpy(waveform)[None])
    assert ours.shape == (1, 2 * 62, 80)
    torch.testing.assert_close(ours[0, 2:].T, theirs[:, 2:124], atol=2e-4, rtol=1e-4)


def test_parts_have_the_log_mel_of_the_whole() -> None:
    log_mel = WhisperLogMel(encoder_config("whisper"))
    waveform = torch.from_numpy(signal(32_000))[None]
    waveform[:, 12_000:] *= 1e-4  # a floor below a part's own maximum would move
    torch.testing.assert_close(log_mel(waveform[:, 16_000:])[:, 2:], log_mel(waveform)[:, 102:])


def test_hidden_states_are_theirs(tmp_path: Path) -> None:
    theirs = whisper()
    theirs.save_pretrained(tmp_path / "whole")
    theirs.encoder.save_pretrained(tmp_path / "encoder")
    waveform = torch.from_numpy(signal(SAMPLES))[None]
    for folder in (tmp_path / "whole", tmp_path / "encoder"):
        ours = SpeechEncoder.from_transformers(str(folder)).eval()
        with torch.no_grad():
            mel = ours.feature_extractor.log_mel(waveform).transpose(1, 2)
            output = theirs.encoder(mel, output_hidden_states=True)
            states, frames = ours.hidden_states(waveform)
            features, _ = ours(waveform)
        assert frames.tolist() == [50]
        wanted = [*output.hidden_states[:4], output.last_hidden_state]
        assert max(relative_error(a, b) for a, b in zip(states, wanted, strict=True)) <= 1e-5
        assert relative_error(features, output.last_hidden_state) <= 1e-5


def test_positions_are_theirs() -> None:
    config = encoder_config("whisper")
    theirs = whisper().encoder.embed_positions.weight
    torch.testing.assert_close(SinusoidalPositions(config)(torch.zeros(1, 50, 64), None), theirs, atol=1e-5, rtol=0)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    whisper().save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    save_file(
        {key: value for key, value in weights.items() if "layers.2.fc1" not in key},
        tmp_path / "model.safetensors",
        metadata={"format": "pt"},
    )
    with pytest.raises(CheckpointError, match=r"layers\.2\.fc1"):
        SpeechEncoder.from_transformers(str(tmp_path))


def test_more_frames_than_positions_are_refused() -> None:
    encoder = SpeechEncoder(encoder_config("whisper", max_frames=20)).eval()
    with torch.no_grad(), pytest.raises(ConfigError, match=r"49 frames.*20"):
        encoder(torch.zeros(1, 16_000))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"normalize_waveform": True}, "normalize_waveform"),
        ({"pre_norm": False}, "pre_norm"),
        ({"mel_bins": 0}, "mel_bins"),
        ({"max_frames": 0}, "max_frames"),
    ],
)
def test_impossible_whispers_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        encoder_config("whisper", **changes)
