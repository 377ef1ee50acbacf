"""Feature extractors: shapes, batch against alone, agreement with libraries, specifications."""

from pathlib import Path

import numpy as np
import pytest
import torch

from wavcube.codec import WavCube, WavCubeConfig
from wavcube.errors import AudioError, CheckpointError, ConfigError
from wavcube.features import FeatureExtractor, build_feature_extractor


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model") / "tiny"
    WavCube(WavCubeConfig.preset("tiny")).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def hubert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("hubert")
    config = HubertConfig(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=48,
        conv_dim=(16,) * 7,
        num_conv_pos_embedding_groups=4,
    )
    HubertModel(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("whisper")
    config = WhisperConfig(
        d_model=16,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        vocab_size=60,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    WhisperModel(config).save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def w2v_bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertModel

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("w2v-bert")
    config = Wav2Vec2BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48)
    Wav2Vec2BertModel(config).save_pretrained(folder)
    SeamlessM4TFeatureExtractor().save_pretrained(folder)
    return folder


def build(spec: str, request: pytest.FixtureRequest) -> FeatureExtractor:
    for name in ("model_folder", "hubert_folder", "whisper_folder", "w2v_bert_folder"):
        if name in spec:
            spec = spec.replace(name, str(request.getfixturevalue(name)))
    return build_feature_extractor(spec)


ALL = [
    "logmel",
    "mfcc",
    "fbank",
    "wavcube:model_folder",
    "features:model_folder",
    "restored:model_folder",
    "transformers:hubert_folder",
    "transformers:hubert_folder@2",
    "transformers:hubert_folder@weighted",
    "transformers:whisper_folder",
    "transformers:whisper_folder@weighted",
    "transformers:w2v_bert_folder",
    "transformers:w2v_bert_folder@weighted",
]


@pytest.mark.parametrize("spec", ALL)
def test_batch_equals_alone(spec: str, request: pytest.FixtureRequest) -> None:
    extractor = build(spec, request)
    torch.manual_seed(1)
    lengths = torch.tensor([8000, 12345, 4001])
    waveform = torch.randn(3, 12345) * 0.1
    waveform = waveform.masked_fill(torch.arange(12345) >= lengths[:, None], 0.0)
    values, frames = extractor(waveform, lengths)
    assert values.shape[-1] == extractor.dim
    assert (values.shape[1] if extractor.layers > 1 else 1) == extractor.layers
    assert frames.tolist() == [extractor.frames(n) for n in lengths.tolist()]
    assert values.shape[-2] == int(frames.max())
    assert extractor.frames(160_000) == pytest.approx(10 * extractor.frame_rate, abs=2)
    for row, length, count, item in zip(waveform, lengths, frames, values, strict=True):
        alone, alone_frames = extractor(row[None, :length])
        assert alone_frames.tolist() == [int(count)]
        torch.testing.assert_close(alone[0], item[..., :count, :], rtol=1e-4, atol=1e-4)
        assert not item[..., count:, :].any()


def test_identities_differ_between_representations_and_agree_between_loads(request: pytest.FixtureRequest) -> None:
    fingerprints = [build(spec, request).fingerprint for spec in ALL]
    assert len(set(fingerprints)) == len(ALL)
    assert [build(spec, request).fingerprint for spec in ALL] == fingerprints


def test_latents_are_what_the_model_encodes(model_folder: Path) -> None:
    model = WavCube.from_pretrained(model_folder)
    speech = torch.randn(1, 9000) * 0.1
    latents = model.encode(speech[0], 16_000)
    torch.testing.assert_close(build_feature_extractor(f"wavcube:{model_folder}")(speech)[0], latents.values)
    torch.testing.assert_close(
        build_feature_extractor(f"restored:{model_folder}")(speech)[0],
        model.restore(latents).values,
        rtol=1e-5,
        atol=1e-5,
    )


def test_transformers_layers_are_those_of_the_library(hubert_folder: Path) -> None:
    from transformers import HubertModel

    speech = torch.randn(1, 9000)
    normalised = (speech - speech.mean()) / (speech.var(correction=0) + 1e-7).sqrt()
    with torch.no_grad():
        states = HubertModel.from_pretrained(hubert_folder).eval()(normalised, output_hidden_states=True).hidden_states
    weighted = build_feature_extractor(f"transformers:{hubert_folder}@weighted")(speech)[0]
    for layer in (0, 1, 2):
        torch.testing.assert_close(weighted[:, layer], states[layer], rtol=1e-4, atol=1e-4)
        single = build_feature_extractor(f"transformers:{hubert_folder}@{layer}")(speech)[0]
        torch.testing.assert_close(single, states[layer], rtol=1e-4, atol=1e-4)


def test_log_mel_agrees_with_filters_of_transformers() -> None:
    from transformers.audio_utils import mel_filter_bank

    speech = np.random.default_rng(0).standard_normal(5000).astype(np.float32) * 0.1
    filters = mel_filter_bank(257, 80, 0.0, 8000.0, 16_000, norm=None, mel_scale="htk").T
    window = np.pad(np.hanning(401)[:400], 56)
    windows = np.lib.stride_tricks.sliding_window_view(speech, 512)[::160]
    power = filters @ np.square(np.abs(np.fft.rfft(windows * window))).T
    ours = build_feature_extractor("logmel")(torch.from_numpy(speech)[None])[0][0]
    # This window of 400 lies in the middle of its 512 samples.
    shifted = build_feature_extractor("logmel")(torch.from_numpy(speech[56:])[None])[0][0]
    assert not np.allclose(ours[: power.shape[1]], np.log(power.T + 1e-6), atol=1e-3)
    np.testing.assert_allclose(shifted[: power.shape[1]], np.log(power.T + 1e-6), atol=1e-3)


def test_fbank_is_normalised_per_recording() -> None:
    values, frames = build_feature_extractor("fbank")(torch.randn(2, 8000), torch.tensor([8000, 5000]))
    item = values[1, : frames[1]]
    assert item.mean(0).abs().max() < 1e-4
    torch.testing.assert_close(item.std(0, correction=0), torch.ones(240), rtol=1e-3, atol=1e-3)


def test_too_short_a_recording_is_named() -> None:
    with pytest.raises(AudioError, match=r"399 samples.*at least 400"):
        build_feature_extractor("logmel")(torch.zeros(1, 399))


@pytest.mark.parametrize("spec", ["mel", "wavcube:", "logmel:x", "transformers", ""])
def test_unknown_specifications(spec: str) -> None:
    with pytest.raises(ConfigError):
        build_feature_extractor(spec)


def test_layers_that_are_not_there(hubert_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hidden states 0 to 3, not 9"):
        build_feature_extractor(f"transformers:{hubert_folder}@9")
    with pytest.raises(ConfigError, match="number or 'weighted'"):
        build_feature_extractor(f"transformers:{hubert_folder}@last")
    with pytest.raises(CheckpointError):
        build_feature_extractor(f"transformers:{tmp_path}")
    with pytest.raises(CheckpointError):
        build_feature_extractor(f"wavcube:{tmp_path}")


def test_whisper_takes_thirty_seconds_at_most(whisper_folder: Path) -> None:
    with pytest.raises(AudioError, match="longer than"):
        build_feature_extractor(f"transformers:{whisper_folder}")(torch.zeros(1, 31 * 16_000))
