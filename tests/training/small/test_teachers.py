import pytest
import torch
from transformers import (
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperModel,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from wavcube.errors import CheckpointError, ConfigError
from wavcube.training.small.teachers import WhisperLogMel, load_teacher


@pytest.fixture(scope="module")
def whisper_config() -> WhisperConfig:
    return WhisperConfig(
        d_model=32,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        vocab_size=50,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )


def test_log_mel_agrees_with_transformers():
    waveform = torch.randn(2, 16_000, generator=torch.Generator().manual_seed(0)) * torch.tensor([[0.1], [0.5]])
    expected = WhisperFeatureExtractor()(
        list(waveform.numpy()), sampling_rate=16_000, padding="longest", return_tensors="pt"
    ).input_features
    torch.testing.assert_close(WhisperLogMel(80)(waveform), expected, atol=1e-4, rtol=1e-4)


def test_whisper_on_30_seconds_equals_transformers(whisper_config, tmp_path):
    torch.manual_seed(0)
    model = WhisperModel(whisper_config).eval()
    model.save_pretrained(tmp_path)
    waveform = torch.randn(1, 480_000) * 0.1
    mel = WhisperFeatureExtractor()(waveform[0].numpy(), sampling_rate=16_000, return_tensors="pt").input_features
    with torch.no_grad():
        expected = model.encoder(mel, output_hidden_states=True)
        middle, last = load_teacher(str(tmp_path))(waveform)
    assert last.shape == (1, 1499, 32)
    torch.testing.assert_close(last, expected.last_hidden_state[:, :1499], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(middle, expected.hidden_states[1][:, :1499], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("kind", [WhisperEncoder, WhisperModel, WhisperForConditionalGeneration])
def test_any_form_of_whisper_gives_the_same(whisper_config, tmp_path, kind):
    torch.manual_seed(0)
    model = kind(whisper_config)
    encoder = model if kind is WhisperEncoder else model.get_encoder()
    model.save_pretrained(tmp_path)
    teacher = load_teacher(str(tmp_path))
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(teacher.encoder.state_dict()[name], value)
    assert not any(p.requires_grad for p in teacher.parameters())


def test_wavlm_gives_its_middle_and_last_state(tmp_path):
    torch.manual_seed(0)
    config = WavLMConfig(hidden_size=32, num_hidden_layers=4, num_attention_heads=2, intermediate_size=64,
                         conv_dim=[16] * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2,
                         do_stable_layer_norm=True, feat_extract_norm="layer")  # fmt: skip
    model = WavLMModel(config).eval()
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(
        '{"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": false}'
    )
    waveform = torch.randn(2, 8000)
    with torch.no_grad():
        expected = model(waveform, output_hidden_states=True)
        middle, last = load_teacher(str(tmp_path))(waveform)
    torch.testing.assert_close(last, expected.last_hidden_state, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(middle, expected.hidden_states[2], atol=1e-4, rtol=1e-3)


def test_too_long_a_crop_is_named(whisper_config, tmp_path):
    WhisperEncoder(whisper_config).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="crop_seconds"):
        load_teacher(str(tmp_path))(torch.zeros(1, 480_320))


def test_missing_weights_are_named(whisper_config, tmp_path):
    encoder = WhisperEncoder(whisper_config)
    weights = {name: value for name, value in encoder.state_dict().items() if "conv1" not in name}
    encoder.save_pretrained(tmp_path, state_dict=weights)
    with pytest.raises(CheckpointError, match=r"conv1"):
        load_teacher(str(tmp_path))


def test_no_teacher_there(tmp_path):
    with pytest.raises(CheckpointError, match="no teacher"):
        load_teacher(str(tmp_path / "none"))
