"""The model: WavCube's numbers behind transformers' interface. Names as in transformers' own ModelTester say so."""

import copy
import dataclasses
import inspect
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.codec.small import TINY, encoder_config, moved, padded_batch, relative_error, signal, small_model
from wavcube import WavCube, WavCubeConfig
from wavcube.codec import Chunking
from wavcube.codec.config import SourceFilterConfig
from wavcube.errors import AudioError, ConfigError, LatentsError
from wavcube.hf import WavCubeModel, WavCubeModelConfig


def source_filter_model() -> WavCube:
    small = SourceFilterConfig(width=32, layers=1, feed_forward=64, fine_width=16, fine_layers=1, fine_feed_forward=32)
    decoder = dataclasses.replace(TINY.decoder, architecture="source-filter", source_filter=small)
    return moved(WavCube(dataclasses.replace(TINY, decoder=decoder)), scale=0.02)


@pytest.mark.parametrize("kind", ["wavlm", "hubert-base", "whisper-layers", "25 Hz", "source-filter"])
def test_numbers_are_those_of_wavcube_to_the_bit(kind, clips, batch, tmp_path) -> None:
    made = (
        source_filter_model()
        if kind == "source-filter"
        else small_model(kind="vae", frame_rate=25)
        if kind == "25 Hz"
        else small_model(kind)
    )
    made.save_pretrained(tmp_path)
    plain, model = WavCube.from_pretrained(tmp_path), WavCubeModel.from_pretrained(tmp_path)
    latents, speech = plain.encode(clips, 16_000), plain.reconstruct(clips, 16_000)
    with torch.no_grad():
        got = model(**batch)
    assert torch.equal(got.latents, latents.values)
    assert got.latents_mask.sum(1).tolist() == latents.lengths.tolist()
    assert got.audio_values.shape == (3, 1, 9_000)
    for item, expected in zip(got.audio_values[:, 0], speech, strict=True):
        assert torch.equal(item[: len(expected)], expected)
        assert not item[len(expected) :].any()
    tracked = model(**batch)  # torch computes attention by another kernel where gradients are tracked
    assert relative_error(tracked.latents, got.latents) < 1e-5
    assert relative_error(tracked.audio_values, got.audio_values) < 1e-3  # a phase sums what differs in F0


def test_a_padded_batch_gives_what_each_item_gives_alone(model: WavCubeModel) -> None:
    lengths = [9_000, 4_321, 6_000]
    values = padded_batch(lengths)[:, None]
    mask = torch.arange(9_000) < torch.tensor(lengths)[:, None]
    together = model(values, mask)
    for i, length in enumerate(lengths):
        alone = model(values[i : i + 1, :, :length])
        frames = int(alone.latents_mask.sum())
        assert int(together.latents_mask[i].sum()) == frames
        assert relative_error(together.latents[i, :frames], alone.latents[0]) < 1e-5
        assert relative_error(together.audio_values[i, :, :length], alone.audio_values[0]) < 1e-5


def test_results_are_as_wide_as_the_batch(model: WavCubeModel) -> None:
    """Not as its longest item: parts of a batch, each on a device of its own, are put together afterwards."""
    values, mask = torch.from_numpy(signal(9_000))[None, None], torch.zeros(1, 9_000, dtype=torch.long)
    mask[:, :5_000] = 1
    got = model(values, mask)
    assert got.latents.shape[1] == got.latents_mask.shape[1] == model.expected_frames(9_000)
    assert got.audio_values.shape == values.shape
    decoded = model.decode(got.latents, got.latents_mask)
    assert decoded.audio_values.shape == (1, 1, got.latents.shape[1] * 320)
    assert int(decoded.padding_mask.sum()) == 320 * int(got.latents_mask.sum())


# The checks of transformers' ModelTester that apply


def test_forward_signature(model: WavCubeModel) -> None:
    for method in (model.forward, model.encode):
        assert list(inspect.signature(method).parameters)[:2] == ["input_values", "padding_mask"]
    assert list(inspect.signature(model.decode).parameters)[:2] == ["latents", "latents_mask"]
    assert model.main_input_name == "input_values"


def test_determinism(model: WavCubeModel, batch) -> None:
    first, second = model(**batch), model(**batch)
    assert torch.equal(first.latents, second.latents)
    assert torch.equal(first.audio_values, second.audio_values)


def test_model_outputs_equivalence(model: WavCubeModel, batch) -> None:
    for named in (model(**batch), model.encode(**batch), model.decode(torch.randn(2, 9, 16))):
        assert all(torch.equal(value, named[key]) for key, value in named.items())
    latents = model.encode(**batch).latents
    for call in (
        lambda **options: model(**batch, **options),
        lambda **options: model.encode(**batch, **options),
        lambda **options: model.decode(latents, **options),
    ):
        unnamed, named = call(return_dict=False), call()
        assert isinstance(unnamed, tuple)
        assert all(torch.equal(a, b) for a, b in zip(unnamed, named.to_tuple(), strict=True))


def test_from_config_and_initialization() -> None:
    """Weights are drawn as in WavCube, not anew by transformers."""
    torch.manual_seed(3)
    plain = WavCube(TINY)
    torch.manual_seed(3)
    model = WavCubeModel(WavCubeModelConfig.of(TINY))
    assert all(torch.equal(value, plain.state_dict()[key]) for key, value in model.state_dict().items())
    assert set(model.state_dict()) == set(plain.state_dict())


def test_training(model: WavCubeModel, batch) -> None:
    model.train()
    out = model(**batch)
    (out.latents.square().mean() + out.audio_values.square().mean()).backward()
    parts = (model.encoder, model.compressor, model.decoder)
    assert all(parameter.grad is not None for part in parts for parameter in part.parameters())


@pytest.mark.parametrize("made", ["pickle", "deepcopy"])
def test_copies(model: WavCubeModel, batch, made: str) -> None:
    twin = pickle.loads(pickle.dumps(model)) if made == "pickle" else copy.deepcopy(model)
    assert torch.equal(twin(**batch).latents, model(**batch).latents)
    assert twin.identity == model.identity
    with torch.no_grad():
        next(twin.encoder.parameters()).add_(1.0)
    assert twin.identity != model.identity


def of_one_layer(encoder: str) -> WavCubeModel:
    vocoder = dataclasses.replace(TINY.decoder.vocoder, layers=1)
    few = dataclasses.replace(
        TINY,
        encoder=encoder_config(encoder, layers=1),
        bottleneck=dataclasses.replace(TINY.bottleneck, layers=0),
        decoder=dataclasses.replace(TINY.decoder, layers=1, vocoder=vocoder),
        restorer=False,
    )
    return moved(WavCubeModel(WavCubeModelConfig.of(few)))


@pytest.mark.long
@pytest.mark.parametrize("encoder", ["wavlm", "whisper", "w2v-bert"])
def test_torch_compile(encoder: str) -> None:
    model, values = of_one_layer(encoder), torch.from_numpy(signal(4_000))[None, None]
    compiled = torch.compile(model.encode, backend="eager")
    with torch.no_grad():
        assert relative_error(compiled(values).latents, model.encode(values).latents) < 1e-6


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler for torch.compile")
@pytest.mark.parametrize("encoder", ["wavlm", "w2v-bert"])
def test_torch_compile_with_kernels_of_its_own(encoder: str) -> None:
    """A minute of compilation for each: both ways, and a second length without compiling everything anew."""
    model = of_one_layer(encoder)
    compiled = torch.compile(model)
    for samples in (4_000, 6_100, 5_300):
        values = torch.from_numpy(signal(samples))[None, None]
        with torch.no_grad():
            got, expected = compiled(values), model(values)
        assert relative_error(got.latents, expected.latents) < 1e-4
        assert relative_error(got.audio_values, expected.audio_values) < 1e-3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(model: WavCubeModel, folder: Path, batch, dtype: torch.dtype) -> None:
    expected = model.encode(**batch).latents
    half = WavCubeModel.from_pretrained(folder, dtype=dtype)
    assert half.dtype == dtype
    assert half.identity == model.identity
    assert relative_error(half.encode(**batch).latents, expected) < (0.15 if dtype == torch.bfloat16 else 0.02)
    assert model.to(dtype).identity == half.identity


def test_mixed_precision(model: WavCubeModel, batch) -> None:
    expected = model.encode(**batch).latents
    with torch.autocast("cpu", torch.bfloat16):
        got = model.encode(**batch).latents
    assert 0 < relative_error(got.float(), expected) < 0.15


def test_device_map(folder: Path, model: WavCubeModel, batch) -> None:
    pytest.importorskip("accelerate")
    placed = WavCubeModel.from_pretrained(folder, device_map={"": "cpu"})
    assert torch.equal(placed(**batch).latents, model(**batch).latents)
    assert placed.identity == model.identity


# Gradients


def test_a_gradient_reaches_the_waveform_through_frozen_weights(model: WavCubeModel, batch) -> None:
    model.requires_grad_(False)
    values = batch["input_values"].clone().requires_grad_()
    model(values, batch["padding_mask"]).audio_values.square().sum().backward()
    assert values.grad is not None
    real = batch["padding_mask"].bool()
    assert values.grad[:, 0][real].abs().sum() > 0
    assert not values.grad[:, 0][~real].any()


def test_a_frozen_model_in_training_mode_has_no_dropout(model: WavCubeModel, batch) -> None:
    with torch.no_grad():
        expected = model.encode(**batch).latents
    model.requires_grad_(False).train()
    got = model.encode(**batch).latents
    assert torch.equal(got, expected)
    assert not got.requires_grad
    assert model.training
    model.requires_grad_(True)
    assert not torch.equal(model.encode(**batch).latents, expected)


def test_long_recordings_go_in_chunks_where_no_gradient_is_asked(tmp_path: Path) -> None:
    small_model("whisper").save_pretrained(tmp_path)
    plain, model = WavCube.from_pretrained(tmp_path), WavCubeModel.from_pretrained(tmp_path)
    plain.chunking = model.chunking = Chunking(above=3.0, chunk=2.0, context=0.5)
    clip = signal(16_000 * 4)
    values = torch.from_numpy(clip)[None, None]
    with torch.no_grad():
        assert torch.equal(model(values).latents, plain.encode(clip, 16_000).values)
        assert torch.equal(model(values).audio_values[0], plain.reconstruct(clip, 16_000))
    with pytest.raises(ConfigError, match="learnt positions"):
        model.encode(torch.zeros(1, 1, 16_000 * 31))


class Classifier(nn.Module):
    def __init__(self, wavcube: WavCubeModel) -> None:
        super().__init__()
        self.wavcube = wavcube.requires_grad_(False)
        self.head = nn.Linear(wavcube.config.hidden_size, 2)

    def forward(self, input_values, padding_mask=None, labels=None):
        encoded = self.wavcube.encode(input_values, padding_mask)
        mask = encoded.latents_mask[..., None]
        logits = self.head((encoded.latents * mask).sum(1) / mask.sum(1))
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def test_inside_distributed_data_parallel(model: WavCubeModel, batch, tmp_path: Path) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    classifier = Classifier(model)
    try:
        parallel = nn.parallel.DistributedDataParallel(classifier)
        parallel(**batch, labels=torch.tensor([0, 1, 0]))["loss"].backward()
        # While the group is still there: the last owner of a group waits for its threads, and this one would do so with
        # Python's lock, which they may be waiting for. The suite then stood still, once in many runs.
        del parallel
    finally:
        torch.distributed.destroy_process_group()
    assert classifier.head.weight.grad is not None
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_replica_of_data_parallel_computes_with_its_own_tensors(model: WavCubeModel, batch) -> None:
    """nn.parallel.replicate, which needs several GPUs, step by step on one device."""
    with torch.no_grad():
        expected = model.encode(**batch).latents
    replica = model._replicate_for_data_parallel()
    for name, child in model.named_children():
        setattr(replica, name, copy.deepcopy(child))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        assert torch.equal(replica.encode(**batch).latents, expected)


def test_the_trainer_trains_a_head_on_the_frozen_model(model: WavCubeModel, tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    from transformers import Trainer, TrainingArguments

    from wavcube.hf import WavCubeFeatureExtractor

    extract = WavCubeFeatureExtractor()
    data = [{"audio": signal(4_000 + 500 * i, seed=i, level=0.02 + 0.4 * (i % 2)), "label": i % 2} for i in range(6)]

    def collate(rows):
        found = extract([row["audio"] for row in rows], sampling_rate=16_000, return_tensors="pt")
        return {**found, "labels": torch.tensor([row["label"] for row in rows])}

    before = {key: value.clone() for key, value in model.state_dict().items()}
    classifier = Classifier(model)
    start = classifier.head.weight.detach().clone()
    arguments = TrainingArguments(
        str(tmp_path), max_steps=3, per_device_train_batch_size=3, report_to=[], save_strategy="no",
        remove_unused_columns=False, use_cpu=True, disable_tqdm=True, learning_rate=0.1,
    )  # fmt: skip
    Trainer(classifier, arguments, train_dataset=data, data_collator=collate).train()
    assert not torch.equal(classifier.head.weight, start)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


# Bad input


@pytest.mark.parametrize(
    ("values", "mask", "message"),
    [
        (signal(9_000)[None, None], None, 'a tensor is expected, not ndarray; return_tensors="pt"'),
        (torch.zeros(2, 9_000), None, r"floats \[batch, 1, samples\], not torch.float32 \[2, 9000\]"),
        (torch.zeros(1, 2, 9_000), None, r"\[1, 2, 9000\]"),
        (torch.zeros(1, 1, 9_000, dtype=torch.int16), None, "int16"),
        (torch.zeros(1, 1, 300), None, "item 0: has 300 samples; the model needs at least 400"),
        (torch.zeros(1, 1, 9_000), torch.ones(1, 8_000), r"padding_mask has shape \[1, 8000\], not \[1, 9000\]"),
        (torch.zeros(1, 1, 9_000), (torch.arange(9_000) > 100)[None].long(), "not at the right end"),
        (torch.zeros(1, 1, 9_000), torch.zeros(1, 9_000), "item 0: has 0 samples"),
    ],
)
def test_what_is_no_batch_of_speech(model: WavCubeModel, values, mask, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        model(values, mask)


@pytest.mark.parametrize(
    ("latents", "mask", "message"),
    [
        (torch.zeros(1, 9, 16).numpy(), None, "a tensor is expected, not ndarray"),
        (torch.zeros(9, 16), None, r"\[batch, frames, 16\], not torch.float32 \[9, 16\]"),
        (torch.zeros(1, 9, 17), None, r"\[1, 9, 17\]"),
        (torch.zeros(1, 9, 16), torch.zeros(1, 9), "item 0: has no frames"),
        (torch.zeros(1, 9, 16), torch.ones(2, 9), r"latents_mask has shape \[2, 9\]"),
    ],
)
def test_what_are_no_latents(model: WavCubeModel, latents, mask, message: str) -> None:
    with pytest.raises(LatentsError, match=message):
        model.decode(latents, mask)


def test_the_configuration_is_that_of_wavcube() -> None:
    config = WavCubeModelConfig.of(TINY)
    assert config.settings == TINY
    assert (config.latent_dim, config.hidden_size, config.frame_rate, config.hop_length) == (16, 16, 50, 320)
    assert config.sampling_rate == 16_000
    assert WavCubeModelConfig().settings == WavCubeConfig()
    assert config.get_text_config() is config
    assert copy.deepcopy(config).to_dict() == config.to_dict()
    with pytest.raises(ConfigError, match="unknown key botleneck"):
        WavCubeModelConfig(botleneck={})
    with pytest.raises(ConfigError, match="width 65 is no multiple of heads"):
        WavCubeModelConfig(encoder={"width": 65})
