"""The encoder against transformers' own models, on single clips; batches are in test_lengths.py."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tests.codec.small import moved, relative_error, signal
from wavcube.codec import EncoderConfig, SpeechEncoder
from wavcube.codec.encoder import normalize_waveform
from wavcube.errors import CheckpointError, ConfigError

LIMIT = 1e-5

SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "conv_dim": [32] * 7,
    "apply_spec_augment": False,
    "layerdrop": 0.0,
}
LARGE: dict[str, Any] = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
BASE: dict[str, Any] = {"feat_extract_norm": "group", "do_stable_layer_norm": False}

THEIRS = {
    "wavlm-large": (transformers.WavLMModel, transformers.WavLMConfig, LARGE),
    "wavlm-base": (transformers.WavLMModel, transformers.WavLMConfig, BASE),
    "wavlm-few-buckets": (
        transformers.WavLMModel,
        transformers.WavLMConfig,
        {**LARGE, "num_buckets": 32, "max_bucket_distance": 40},
    ),
    "hubert-large": (transformers.HubertModel, transformers.HubertConfig, {**LARGE, "conv_bias": True}),
    "hubert-base": (transformers.HubertModel, transformers.HubertConfig, {**BASE, "feat_proj_layer_norm": False}),
    "wav2vec2-large": (transformers.Wav2Vec2Model, transformers.Wav2Vec2Config, {**LARGE, "conv_bias": True}),
    "wav2vec2-base": (transformers.Wav2Vec2Model, transformers.Wav2Vec2Config, BASE),
    "wav2vec2-odd-positions": (
        transformers.Wav2Vec2Model,
        transformers.Wav2Vec2Config,
        {**BASE, "num_conv_pos_embeddings": 31, "num_conv_pos_embedding_groups": 4},
    ),
    "data2vec-audio": (transformers.Data2VecAudioModel, transformers.Data2VecAudioConfig, {}),
}


def their_model(name: str) -> nn.Module:
    model, config, changes = THEIRS[name]
    return moved(model(config(**{**SIZES, **changes})), scale=0.1)


def our_copy(theirs: nn.Module, *, normalize: bool = False, feature_layer: int = -1) -> SpeechEncoder:
    config = EncoderConfig.from_transformers(theirs.config, normalize, feature_layer)
    ours = SpeechEncoder(config).eval()
    ours.load_transformers_weights(theirs.state_dict(), "theirs")
    return ours


@torch.no_grad()
def their_states(theirs: nn.Module, waveform: Tensor) -> list[Tensor]:
    """Inputs of all layers, and the last hidden state.

    Since version 5.16 of transformers the last of `hidden_states` is not layer-normed; `last_hidden_state` is.
    """
    output = theirs(waveform, output_hidden_states=True)
    return [*output.hidden_states[:-1], output.last_hidden_state]


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("samples", [400, 8_037, 16_000])
def test_features_are_theirs(name: str, samples: int) -> None:
    theirs = their_model(name)
    waveform = torch.from_numpy(signal(samples))[None]
    with torch.no_grad():
        features, frames = our_copy(theirs)(waveform)
    assert frames.tolist() == [(samples - 400) // 320 + 1]
    assert relative_error(features, their_states(theirs, waveform)[-1]) <= LIMIT


@pytest.mark.parametrize("name", THEIRS)
def test_hidden_states_are_theirs(name: str) -> None:
    theirs = their_model(name)
    waveform = torch.from_numpy(signal(9_000))[None]
    with torch.no_grad():
        states, _ = our_copy(theirs).hidden_states(waveform)
    expected = their_states(theirs, waveform)
    assert len(states) == len(expected) == 5
    assert max(relative_error(a, b) for a, b in zip(states, expected, strict=True)) <= LIMIT


def test_features_are_the_last_of_the_hidden_states() -> None:
    ours = our_copy(their_model("wavlm-large"), normalize=True)
    waveform = torch.from_numpy(signal(9_000))[None]
    with torch.no_grad():
        assert torch.equal(ours.hidden_states(waveform)[0][-1], ours(waveform)[0])


@pytest.mark.parametrize("name", ["wavlm-large", "hubert-base"])
@pytest.mark.parametrize("layer", [1, 3])
def test_a_chosen_layer_is_theirs_with_a_norm_of_its_own(name: str, layer: int) -> None:
    theirs = their_model(name)
    ours = our_copy(theirs, feature_layer=layer)
    assert len(ours.encoder.layers) == layer
    with torch.no_grad():
        ours.feature_norm.weight.copy_(torch.linspace(0.5, 1.5, 64))
        ours.feature_norm.bias.copy_(torch.linspace(-1, 1, 64))
        waveform = torch.from_numpy(signal(9_000))[None]
        expected = ours.feature_norm(their_states(theirs, waveform)[layer])
        assert relative_error(ours(waveform)[0], expected) <= LIMIT


def test_choosing_the_last_layer_is_the_default_feature() -> None:
    theirs = their_model("wavlm-large")
    waveform = torch.from_numpy(signal(4_000))[None]
    with torch.no_grad():
        assert torch.equal(our_copy(theirs, feature_layer=4)(waveform)[0], our_copy(theirs)(waveform)[0])


@pytest.mark.parametrize("samples", [400, 7_321])
@pytest.mark.parametrize("level", [1e-4, 0.3])
def test_normalisation_is_theirs(samples: int, level: float) -> None:
    waveform = signal(samples, level=level) + 0.1 * level
    theirs = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    expected = theirs(waveform, sampling_rate=16_000, return_tensors="np")["input_values"]
    assert relative_error(normalize_waveform(torch.from_numpy(waveform)[None]), expected) <= 1e-6


def test_normalisation_of_silence_is_silence() -> None:
    batch = torch.zeros(2, 1_000)
    assert not normalize_waveform(batch).any()
    assert not normalize_waveform(batch, torch.tensor([1_000, 500])).any()


def save_pretrained(folder: Path, name: str, normalize: bool = True) -> nn.Module:
    theirs = their_model(name)
    theirs.save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=normalize).save_pretrained(folder)
    return theirs


@pytest.mark.parametrize("name", THEIRS)
def test_a_saved_folder_is_loaded(tmp_path: Path, name: str) -> None:
    normalize = "base" not in name
    theirs = save_pretrained(tmp_path, name, normalize)
    ours = SpeechEncoder.from_transformers(str(tmp_path)).eval()
    assert ours.config.normalize_waveform == normalize
    waveform = signal(6_000, level=0.05)
    extractor = transformers.AutoFeatureExtractor.from_pretrained(tmp_path)
    values = torch.from_numpy(np.asarray(extractor(waveform, sampling_rate=16_000)["input_values"]))
    with torch.no_grad():
        features, _ = ours(torch.from_numpy(waveform)[None])
    assert relative_error(features, their_states(theirs, values)[-1]) <= LIMIT


def test_a_folder_with_a_head_is_loaded(tmp_path: Path) -> None:
    """Fine-tuned checkpoints carry the encoder under a prefix, and a head that we leave."""
    theirs = moved(transformers.WavLMForCTC(transformers.WavLMConfig(**{**SIZES, **LARGE}, vocab_size=32)))
    theirs.save_pretrained(tmp_path)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(tmp_path)
    ours = SpeechEncoder.from_transformers(str(tmp_path)).eval()
    waveform = torch.from_numpy(signal(6_000))[None]
    with torch.no_grad():
        expected = their_states(theirs.wavlm, normalize_waveform(waveform))[-1]
        assert relative_error(ours(waveform)[0], expected) <= LIMIT


def test_a_folder_with_tensors_missing_is_refused_by_name(tmp_path: Path) -> None:
    """transformers would fill them in with random numbers and a warning."""
    save_pretrained(tmp_path, "wavlm-large")
    weights = load_file(tmp_path / "model.safetensors")
    del weights["encoder.layers.2.feed_forward.output_dense.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"encoder\.layers\.2\.feed_forward\.output_dense\.weight"):
        SpeechEncoder.from_transformers(str(tmp_path))


def test_a_folder_with_tensors_of_another_size_is_refused(tmp_path: Path) -> None:
    save_pretrained(tmp_path, "wavlm-large")
    weights = load_file(tmp_path / "model.safetensors")
    weights["encoder.layer_norm.weight"] = torch.ones(32)
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"encoder\.layer_norm\.weight"):
        SpeechEncoder.from_transformers(str(tmp_path))


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        SpeechEncoder.from_transformers(str(tmp_path / "nowhere"))
    transformers.BertConfig().save_pretrained(tmp_path)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"'bert' is not of the wav2vec 2\.0 family"):
        SpeechEncoder.from_transformers(str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"add_adapter": True}, "adapter"),
        ({"hidden_act": "relu"}, "relu"),
        ({"feat_extract_activation": "relu"}, "relu"),
    ],
)
def test_what_is_not_implemented_is_refused(changes: dict[str, Any], named: str) -> None:
    config = transformers.WavLMConfig(**{**SIZES, **LARGE, **changes})
    with pytest.raises(ConfigError, match=named):
        EncoderConfig.from_transformers(config, True)


def test_the_default_is_wavlm_large() -> None:
    theirs = transformers.WavLMConfig(
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        activation_dropout=0.0,
        **LARGE,
    )
    assert EncoderConfig.from_transformers(theirs, True) == EncoderConfig()
    with torch.device("meta"):
        expected = {key: tuple(value.shape) for key, value in transformers.WavLMModel(theirs).state_dict().items()}
        ours = {key: tuple(value.shape) for key, value in SpeechEncoder(EncoderConfig()).state_dict().items()}
    assert expected.pop("masked_spec_embed") == (1024,)
    assert ours == expected
