import dataclasses
from pathlib import Path

import pytest
import torch

from tests.generation.small import CHANNELS, TOKENS, small_flow
from wavcube.errors import CheckpointError
from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.tts.config import FlowMatchingTTSConfig
from wavcube.generation.tts.model import FlowMatchingTTS, SynthesisRequest
from wavcube.generation.tts.text.frontend import TextError
from wavcube.generation.tts.text.vocabulary import Vocabulary

FAST = SolverSettings(4, guidance=1.0)


def requests(prompt: int, text: str, frames: int, seed: int) -> SynthesisRequest:
    generator = torch.Generator().manual_seed(prompt)
    return SynthesisRequest(
        torch.randn(prompt, CHANNELS, generator=generator), small_flow().token_ids(text), frames, seed
    )


@pytest.mark.parametrize("method", ["euler", "midpoint"])
def test_a_batch_gives_what_single_items_give(method: str) -> None:
    model, settings = small_flow(), SolverSettings(4, method)
    items = [requests(9, "hello there", 21, 0), requests(14, "a voice", 8, 1), requests(5, "what is it?", 30, 2)]
    batch = model.generate(items, settings)
    for item, frames in zip(items, batch, strict=True):
        assert frames.shape == (item.frames, CHANNELS)
        torch.testing.assert_close(frames, model.generate([item], settings)[0], rtol=1e-3, atol=1e-4)


def test_tokens_with_durations_are_placed_behind_the_prompt() -> None:
    model = small_flow(text_alignment="duration")
    items = [
        SynthesisRequest(torch.randn(9, CHANNELS), model.token_ids("hello there"), 41, 0),
        SynthesisRequest(torch.randn(14, CHANNELS), model.token_ids("a voice"), 20, 1),
    ]
    for item, frames in zip(items, model.generate(items, FAST), strict=True):
        torch.testing.assert_close(frames, model.generate([item], FAST)[0], rtol=1e-3, atol=1e-4)
    token_ids = items[0].text
    ends = model.token_ends(token_ids, 41)
    torch.testing.assert_close(ends, torch.arange(1, len(token_ids) + 1) * 41 / len(token_ids))


def test_given_ends_take_the_place_of_drawn_durations() -> None:
    model = small_flow(text_alignment="duration")
    text = model.token_ids("hello there")
    plain = SynthesisRequest(torch.randn(9, CHANNELS), text, 41, 0)
    same = dataclasses.replace(plain, ends=model.token_ends(text, 41, seed=0))
    other = dataclasses.replace(plain, ends=torch.arange(41 - len(text), 41) + 1.0)
    drawn, given, moved = model.generate([plain, same, other], FAST)
    torch.testing.assert_close(given, drawn)
    assert (moved - drawn).abs().max() > 0.1


def test_the_span_of_what_is_spoken_leaves_the_silence_out() -> None:
    model = small_flow(text_alignment="duration")
    text = model.token_ids("a b.")  # with a space at both ends, every token as long as any
    assert model.spoken_span(SynthesisRequest(torch.zeros(3, CHANNELS), text, 60, 0)) == pytest.approx((10, 40))
    plain = small_flow()
    assert plain.spoken_span(SynthesisRequest(torch.zeros(3, CHANNELS), plain.token_ids("a b."), 60, 0)) == (0, 60)


def test_the_seed_decides() -> None:
    model = small_flow()
    first, same, other = (model.generate([requests(9, "hello", 20, seed)], FAST)[0] for seed in (3, 3, 4))
    assert torch.equal(first, same)
    assert (first - other).abs().max() > 0.1


def test_frames_come_in_the_representation_s_scale() -> None:
    model = small_flow(scale=0.0)  # its velocity is zero, so that noise comes out, normal in every channel
    frames = model.generate([requests(9, "hello", 1500, 0)], FAST)[0]
    torch.testing.assert_close(frames.mean(0), model.mean, atol=0.1, rtol=0)
    torch.testing.assert_close(frames.std(0), model.std, atol=0.1, rtol=0)


def test_the_model_sees_normalised_frames() -> None:
    model, plain = small_flow(), small_flow()
    plain.mean.zero_()
    plain.std.fill_(1.0)
    item = requests(9, "hello", 20, 0)
    normalised = SynthesisRequest(model.normalise(item.prompt), item.text, item.frames, item.seed)
    made, other = model.generate([item], FAST)[0], plain.generate([normalised], FAST)[0]
    torch.testing.assert_close(model.normalise(made), other, rtol=1e-4, atol=1e-4)


def test_texts_that_do_not_fit_are_refused() -> None:
    model = small_flow()
    with pytest.raises(TextError, match="the text needs 11 frames"):
        model.generate([requests(4, "hello there", 3, 0)], FAST)
    with pytest.raises(TextError, match="limit is 40 s"):
        model.generate([requests(4, "hello", 2000, 0)], FAST)
    with pytest.raises(TextError, match="'9' '%'"):
        model.token_ids("9 of 9 %")


def test_saving_and_loading_changes_nothing(tmp_path: Path) -> None:
    model = small_flow()
    model.save_pretrained(tmp_path)
    loaded = FlowMatchingTTS.from_pretrained(tmp_path)
    assert loaded.config == model.config
    item = requests(9, "hello", 20, 0)
    assert torch.equal(loaded.generate([item], FAST)[0], model.generate([item], FAST)[0])


def test_half_precision_is_a_way_to_store(tmp_path: Path) -> None:
    small_flow().save_pretrained(tmp_path, torch.float16)
    loaded = FlowMatchingTTS.from_pretrained(tmp_path)
    assert loaded.dtype == torch.float32
    assert torch.equal(loaded.mean, small_flow().mean)
    assert (tmp_path / "model.safetensors").stat().st_size < 2.1 * sum(p.numel() for p in loaded.parameters()) + 8000


def test_damaged_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such folder"):
        FlowMatchingTTS.from_pretrained(tmp_path / "none")
    with pytest.raises(CheckpointError, match="holds no text-to-speech model"):
        FlowMatchingTTS.from_pretrained(tmp_path)
    small_flow().save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="damaged"):
        FlowMatchingTTS.from_pretrained(tmp_path)
    weights.write_bytes(whole)
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"width"', '"widht"'))
    with pytest.raises(CheckpointError, match=r"unknown key transformer\.widht"):
        FlowMatchingTTS.from_pretrained(tmp_path)
    config.write_text("{}")
    with pytest.raises(CheckpointError, match="not the configuration of a text-to-speech model"):
        FlowMatchingTTS.from_pretrained(tmp_path)


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    model = small_flow()
    model.save_pretrained(tmp_path)
    FlowMatchingTTSConfig(model.config.transformer, model.config.representation, "lowercase", TOKENS[:9]).save(
        tmp_path / "config.json"
    )
    with pytest.raises(CheckpointError, match=r"text\.table\.weight"):
        FlowMatchingTTS.from_pretrained(tmp_path)


def test_a_vocabulary_can_grow() -> None:
    model = small_flow()
    grown = model.with_vocabulary(Vocabulary([" ", "ü", *TOKENS[1:]]), "lowercase").eval()
    item = requests(9, "hello", 20, 0)
    again = SynthesisRequest(item.prompt, grown.token_ids("hello"), 20, 0)
    assert again.text != item.text
    torch.testing.assert_close(grown.generate([again], FAST), model.generate([item], FAST))
    assert grown.token_ids("ü") == [2]


def test_a_vocabulary_with_durations_can_grow() -> None:
    model = small_flow(text_alignment="duration")
    with torch.no_grad():
        model.duration_predictor.effects.copy_(torch.rand(model.duration_predictor.effects.shape))
    grown = model.with_vocabulary(Vocabulary([" ", "ü", *TOKENS[1:]]), "lowercase")
    before, after = (m.token_seconds(m.token_ids("hello")) for m in (model, grown))
    torch.testing.assert_close(after, before)
    assert float(grown.token_seconds([2])) > 0.01
