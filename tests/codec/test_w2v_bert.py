"""w2v-BERT 2.0 against transformers' own; batches, chunks and checkpoints are tested with the other families."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.codec.small import encoder_config, moved, padded_batch, relative_error, signal
from wavcube.codec import EncoderConfig, SpeechEncoder
from wavcube.codec.encoder import MelPairs
from wavcube.errors import CheckpointError, ConfigError

EXTRACTOR = transformers.SeamlessM4TFeatureExtractor()
PUBLISHED = EncoderConfig(family="wav2vec2-bert", normalize_waveform=False, activation="swish")


def w2v_bert(**changes: Any) -> transformers.Wav2Vec2BertModel:
    sizes = {"hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 128}
    config = transformers.Wav2Vec2BertConfig(**{**sizes, "apply_spec_augment": False, "layerdrop": 0.0, **changes})
    return moved(transformers.Wav2Vec2BertModel(config))


def saved(folder: Path) -> transformers.Wav2Vec2BertModel:
    theirs = w2v_bert()
    theirs.save_pretrained(folder)
    EXTRACTOR.save_pretrained(folder)
    return theirs


def their_inputs(waveform: np.ndarray) -> dict[str, Tensor]:
    return EXTRACTOR(waveform, sampling_rate=16_000, return_tensors="pt")


@pytest.mark.parametrize("samples", [560, 9_041, 16_000])
@pytest.mark.parametrize("level", [1e-3, 0.3])
def test_what_goes_in_is_theirs(samples: int, level: float) -> None:
    waveform = signal(samples, level=level) + 0.1 * level  # an offset, which both remove
    inputs = their_inputs(waveform)
    frames = int(inputs["attention_mask"].sum())
    ours = MelPairs(PUBLISHED)(torch.from_numpy(waveform.astype(np.float32))[None])
    assert ours.shape == (1, (samples - 400) // 320 + 1, 160)
    assert relative_error(ours[:, :frames], inputs["input_features"][:, :frames]) <= 1e-4


def test_a_pair_that_is_cut_short_has_its_first_frame_twice() -> None:
    pairs = MelPairs(PUBLISHED)(torch.from_numpy(signal(16_080))[None])[0]
    half = len(their_inputs(signal(16_080))["attention_mask"][0])
    assert len(pairs) == half == 50  # transformers masks the last one
    assert torch.equal(pairs[-1, :80], pairs[-1, 80:])
    assert not torch.equal(pairs[-2, :80], pairs[-2, 80:])


def test_silence_and_the_shortest_recording_are_finite() -> None:
    for waveform in (torch.zeros(1, 4_000), torch.from_numpy(signal(400))[None]):
        assert MelPairs(PUBLISHED)(waveform).isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("samples", [5_360, 16_000])  # of pairs that are whole
def test_hidden_states_are_theirs(samples: int, tmp_path: Path) -> None:
    theirs = saved(tmp_path)
    ours = SpeechEncoder.from_transformers(str(tmp_path)).eval()
    waveform = signal(samples)
    output = theirs(**their_inputs(waveform), output_hidden_states=True)
    states, frames = ours.hidden_states(torch.from_numpy(waveform)[None])
    features, _ = ours(torch.from_numpy(waveform)[None])
    wanted = [*output.hidden_states[:4], output.last_hidden_state]
    assert frames.tolist() == [(samples - 400) // 320 + 1]
    assert max(relative_error(a, b) for a, b in zip(states, wanted, strict=True)) <= 1e-4
    assert relative_error(features, output.last_hidden_state) <= 1e-4


@torch.no_grad()
def test_a_batch_is_theirs(tmp_path: Path) -> None:
    """Their mask and ours, over items of whole pairs; noise in ours is where theirs has zeros."""
    theirs, lengths = saved(tmp_path), [16_000, 5_360, 9_840]
    ours = SpeechEncoder.from_transformers(str(tmp_path)).eval()
    batch = padded_batch(lengths)
    inputs = EXTRACTOR([row[:n].numpy() for row, n in zip(batch, lengths, strict=True)], sampling_rate=16_000)
    output = theirs(**inputs.convert_to_tensors("pt")).last_hidden_state
    features, frames = ours(batch, torch.tensor(lengths))
    for row, wanted, count in zip(features, output, frames.tolist(), strict=True):
        assert relative_error(row[:count], wanted[:count]) <= 1e-4


def test_the_layout_is_the_published_one() -> None:
    theirs = transformers.Wav2Vec2BertConfig()  # whose defaults are those of facebook/w2v-bert-2.0
    assert EncoderConfig.from_transformers(theirs, False) == EncoderConfig(
        family="wav2vec2-bert",
        normalize_waveform=False,
        activation="swish",
        position_groups=1,
        hidden_dropout=theirs.hidden_dropout,
        attention_dropout=theirs.attention_dropout,
    )
    with torch.device("meta"):
        expected = {key: tuple(v.shape) for key, v in transformers.Wav2Vec2BertModel(theirs).state_dict().items()}
        ours = {key: tuple(v.shape) for key, v in SpeechEncoder(PUBLISHED).state_dict().items()}
    assert expected.pop("masked_spec_embed") == (1024,)
    assert ours == expected


def test_missing_weights_are_named(tmp_path: Path) -> None:
    saved(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    name = "encoder.layers.2.conv_module.depthwise_conv.weight"
    kept = {key: value for key, value in weights.items() if key != name}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=name.replace(".", r"\.")):
        SpeechEncoder.from_transformers(str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"position_embeddings_type": "rotary"}, "rotary"),
        ({"hidden_act": "gelu"}, "gelu"),
        ({"add_adapter": True}, "adapter"),
        ({"feature_projection_input_dim": 81}, "81"),
    ],
)
def test_what_is_not_implemented_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EncoderConfig.from_transformers(transformers.Wav2Vec2BertConfig(**changes), False)


def test_another_feature_extractor_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    transformers.SeamlessM4TFeatureExtractor(num_mel_bins=40, feature_size=40, stride=4).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="40 bands and joins 4 frames"):
        SpeechEncoder.from_transformers(str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"normalize_waveform": True}, "normalize_waveform"),
        ({"mel_bins": 0}, "mel_bins"),
        ({"conformer_kernel": 0}, "conformer_kernel"),
        ({"relative_back": -1}, "relative_back"),
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        encoder_config("w2v-bert", **changes)
