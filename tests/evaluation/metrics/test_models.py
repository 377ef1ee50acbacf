"""Models that metrics need: loaded from files and folders, and refused in a sentence if they cannot be."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from wavcube.errors import CheckpointError
from wavcube.evaluation.asr import CTC, load_asr
from wavcube.evaluation.ecapa import _RENAMED, WavLMVerifier, _rename, load_verifier
from wavcube.evaluation.exported_networks import WaveformNetwork
from wavcube.evaluation.metrics import MetricOptions, MetricUnavailable, Pair, choose_metrics
from wavcube.evaluation.speaker_encoder import load_speaker_encoder


class Bands(torch.nn.Module):
    """[1, S] -> [1, 8]: RMS of eight stretches of the waveform."""

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        return torch.stack([part.square().mean(-1).sqrt() for part in waveform.tensor_split(8, dim=-1)], dim=-1)


@pytest.fixture
def torchscript(tmp_path: Path) -> Path:
    path = tmp_path / "bands.pt"
    torch.jit.trace(Bands(), torch.zeros(1, 800)).save(str(path))
    return path


def test_a_torchscript_file_embeds_speakers(torchscript: Path, pair: Pair) -> None:
    chosen = choose_metrics(["speaker"], MetricOptions(speaker=str(torchscript)))
    assert chosen.metrics[0].note() == "speaker similarity: by bands.pt"
    value = chosen.metrics[0](pair).values["speaker_similarity"]
    a, b = (Bands()(torch.from_numpy(r.waveform)[None])[0] for r in (pair.original, pair.reconstruction))
    assert value == pytest.approx(float(torch.cosine_similarity(a, b, dim=0)), abs=1e-5)


def test_an_onnx_file_embeds_speakers(tmp_path: Path, pair: Pair) -> None:
    pytest.importorskip("onnx")
    path = tmp_path / "voices.onnx"
    _write_onnx_mean(path)
    encoder = load_speaker_encoder(str(path))
    np.testing.assert_allclose(encoder.embed(pair.original.waveform), [pair.original.waveform.mean()], rtol=1e-3)


def test_a_torchscript_file_predicts_utmos(torchscript: Path, pair: Pair) -> None:
    metric = choose_metrics(["utmos"], MetricOptions(utmos=str(torchscript))).metrics[0]
    expected = Bands()(torch.from_numpy(pair.reconstruction.waveform)[None])[0, 0]
    assert metric(pair).values["utmos"] == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("suffix", [".pt", ".onnx"])
def test_files_that_hold_no_network_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"voices{suffix}"
    path.write_bytes(b"no network")
    with pytest.raises(MetricUnavailable, match=f"voices{suffix}: is not"):
        WaveformNetwork(path)


def test_fingerprints_tell_weights_apart(tmp_path: Path, torchscript: Path) -> None:
    other = tmp_path / "other.pt"
    torch.jit.trace(torch.nn.Linear(800, 8), torch.zeros(1, 800)).save(str(other))
    assert WaveformNetwork(torchscript).fingerprint == WaveformNetwork(torchscript).fingerprint
    assert WaveformNetwork(torchscript).fingerprint != WaveformNetwork(other).fingerprint


def test_an_x_vector_model_embeds_speakers(tmp_path: Path, pair: Pair) -> None:
    from transformers import Wav2Vec2FeatureExtractor, WavLMConfig, WavLMForXVector

    torch.manual_seed(0)
    config = WavLMConfig(
        **_TINY_WAVLM, tdnn_dim=(16, 16), tdnn_kernel=(3, 1), tdnn_dilation=(1, 1), xvector_output_dim=12
    )
    model = WavLMForXVector(config).eval()
    model.save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(tmp_path)
    embedding = load_speaker_encoder(f"xvector:{tmp_path}").embed(pair.original.waveform)
    with torch.inference_mode():
        expected = model(torch.from_numpy(pair.original.waveform)[None]).embeddings[0]
    np.testing.assert_allclose(embedding, expected, atol=1e-5)


def test_a_ctc_model_reads(tmp_path: Path, pair: Pair) -> None:
    from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor, WavLMConfig, WavLMForCTC

    torch.manual_seed(0)
    letters = {letter: i for i, letter in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *"ABC"])}
    (tmp_path / "vocab.json").write_text(json.dumps(letters))
    tokenizer = Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json"))
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False)
    Wav2Vec2Processor(extractor, tokenizer).save_pretrained(tmp_path)
    WavLMForCTC(WavLMConfig(**_TINY_WAVLM, vocab_size=len(letters), pad_token_id=0)).save_pretrained(tmp_path)
    reader = load_asr(f"ctc:{tmp_path}")
    assert isinstance(reader, CTC)
    text = reader.transcribe(pair.original.waveform, "en")
    assert text.replace("<unk>", "")  # random weights: any letters will do
    assert text == reader.transcribe(pair.original.waveform, "en")
    assert reader.transcribe(pair.original.waveform[:100], "en") == ""


@pytest.mark.parametrize("kind", ["whisper", "ctc"])
def test_asr_models_that_are_not_there_are_named(tmp_path: Path, kind: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MetricUnavailable, match="could be loaded from"):
        load_asr(f"{kind}:{tmp_path / 'empty'}")


_TINY_WAVLM = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
}


def published_names(layers: int) -> list[str]:
    """Every weight of the published checkpoint, were WavLM of so many layers: UniSpeech's names for WavLM's parts."""
    leaves = ("weight", "bias")
    norm = (*leaves, "running_mean", "running_var", "num_batches_tracked")
    names = ["mask_emb", "encoder.pos_conv.0.bias", "encoder.pos_conv.0.weight_g", "encoder.pos_conv.0.weight_v"]
    names += [f"feature_extractor.conv_layers.{i}.0.weight" for i in range(7)]
    names += [f"feature_extractor.conv_layers.{i}.2.1.{leaf}" for i in range(7) for leaf in leaves]
    names += [f"{part}.{leaf}" for part in ("post_extract_proj", "layer_norm", "encoder.layer_norm") for leaf in leaves]
    names.append("encoder.layers.0.self_attn.relative_attention_bias.weight")
    for layer in range(layers):
        parts = [f"self_attn.{p}" for p in ("q_proj", "k_proj", "v_proj", "out_proj", "grep_linear")]
        parts += ["self_attn_layer_norm", "fc1", "fc2", "final_layer_norm"]
        names += [f"encoder.layers.{layer}.{part}.{leaf}" for part in parts for leaf in leaves]
        names.append(f"encoder.layers.{layer}.self_attn.grep_a")
    names = ["feature_weight", *(f"feature_extract.model.{name}" for name in names)]
    for block in (2, 3, 4):
        for part in ("Conv1dReluBn1", "Conv1dReluBn2"):
            names += [f"layer{block}.{part}.conv.{leaf}" for leaf in leaves]
            names += [f"layer{block}.{part}.bn.{leaf}" for leaf in norm]
        names += [f"layer{block}.Res2Conv1dReluBn.convs.{i}.{leaf}" for i in range(7) for leaf in leaves]
        names += [f"layer{block}.Res2Conv1dReluBn.bns.{i}.{leaf}" for i in range(7) for leaf in norm]
        names += [f"layer{block}.SE_Connect.linear{i}.{leaf}" for i in (1, 2) for leaf in leaves]
    names += [f"{p}.{leaf}" for p in ("layer1.conv", "conv", "pooling.linear1", "pooling.linear2") for leaf in leaves]
    names += [f"{part}.{leaf}" for part in ("layer1.bn", "bn") for leaf in norm]
    return [*names, "linear.weight", "linear.bias"]


@pytest.fixture(scope="module")
def verifier() -> WavLMVerifier:
    from transformers import WavLMConfig

    torch.manual_seed(0)
    return WavLMVerifier(WavLMConfig(**_TINY_WAVLM)).eval()


def test_the_published_verifier_loads_strictly(verifier: WavLMVerifier, tmp_path: Path) -> None:
    weights = verifier.state_dict()
    published = {name: weights[_rename(name)] for name in published_names(layers=2)}
    assert len(published) == len(weights)
    published["loss_calculator.projection.weight"] = torch.zeros(2, 2)
    torch.save({"model": published}, tmp_path / "wavlm_large_finetune.pth")
    loaded = load_verifier(tmp_path / "wavlm_large_finetune.pth", verifier.wavlm.config).eval()
    waveform = torch.randn(2, 8_000)
    with torch.inference_mode():
        assert torch.equal(loaded(waveform), verifier(waveform))
        assert verifier(waveform).shape == (2, 256)


def test_every_renaming_is_needed() -> None:
    for i, (pattern, ours) in enumerate(_RENAMED):
        names = published_names(layers=2)
        for before, instead in _RENAMED[:i]:
            names = [re.sub(before, instead, name) for name in names]
        assert any(re.sub(pattern, ours, name) != name for name in names), pattern


def test_other_checkpoints_are_refused(verifier: WavLMVerifier, tmp_path: Path) -> None:
    torch.save({"model": {"linear.weight": torch.zeros(1)}}, tmp_path / "other.pth")
    with pytest.raises(
        CheckpointError, match=r"is not the WavLM-Large \+ ECAPA-TDNN verifier: \d+ weights are missing"
    ):
        load_verifier(tmp_path / "other.pth", verifier.wavlm.config)
    (tmp_path / "text.pth").write_text("no checkpoint")
    with pytest.raises(CheckpointError, match="is not a PyTorch checkpoint"):
        load_verifier(tmp_path / "text.pth", verifier.wavlm.config)


def test_full_size_of_the_verifier() -> None:
    """Channels of the published network, read from its weights' shapes."""
    from transformers import WavLMConfig

    with torch.device("meta"):
        weights = WavLMVerifier(
            WavLMConfig(**(_TINY_WAVLM | {"hidden_size": 1024, "num_attention_heads": 16}))
        ).state_dict()
    assert weights["entry.conv.weight"].shape == (512, 1024, 5)
    assert weights["blocks.0.groups.6.conv.weight"].shape == (64, 64, 3)
    assert weights["joined.weight"].shape == (1536, 1536, 1)
    assert weights["pooling.inner.weight"].shape == (128, 1536, 1)
    assert weights["embedding.weight"].shape == (256, 3072)


def _write_onnx_mean(path: Path) -> None:
    from onnx import TensorProto, helper, save

    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["waveform"], ["mean"], axes=[1], keepdims=1)],
        "mean",
        [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, [1, None])],
        [helper.make_tensor_value_info("mean", TensorProto.FLOAT, [1, 1])],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
