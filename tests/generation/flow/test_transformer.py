import math

import pytest
import torch
import torch.nn.functional as F

from tests.generation.small import CHANNELS, small_flow
from wavcube.errors import ConfigError
from wavcube.generation.flow.config import TEXT_ALIGNMENTS, TransformerConfig
from wavcube.generation.flow.transformer import DiffusionTransformer, attend
from wavcube.generation.tts.text_embedding import TextEmbedding


@pytest.mark.parametrize(
    ("preset", "channels", "tokens", "millions"),
    [
        ("base", 100, 2545, 337.1),  # mel, Emilia
        ("base", 128, 2545, 337.2),  # WavCube, Emilia
        ("base", 128, 78, 335.9),  # WavCube, LibriTTS
        ("base", 1024, 78, 338.7),  # WavLM features, LibriTTS
        ("small", 128, 78, 158.0),
    ],
)
def test_parameters_are_as_many_as_published(preset: str, channels: int, tokens: int, millions: float) -> None:
    config = TransformerConfig.preset(preset)
    with torch.device("meta"):
        parts = DiffusionTransformer(channels, config), TextEmbedding(tokens, config)
    count = sum(parameter.numel() for part in parts for parameter in part.parameters())
    assert round(count / 1e6, 1) == millions


def test_the_nano_model_fits_in_40_megabytes() -> None:
    config = TransformerConfig.preset("nano")
    with torch.device("meta"):
        parts = DiffusionTransformer(128, config), TextEmbedding(100, config)
    assert 2 * sum(parameter.numel() for part in parts for parameter in part.parameters()) < 40e6


def test_at_first_the_velocity_is_zero() -> None:
    transformer = DiffusionTransformer(CHANNELS, TransformerConfig.preset("tiny"))
    context = transformer.context(torch.randn(1, 9, CHANNELS), torch.randn(1, 9, 32))
    assert not transformer(torch.randn(1, 9, CHANNELS), torch.rand(1), context).any()


@pytest.mark.parametrize("text_alignment", TEXT_ALIGNMENTS)
def test_an_item_gets_in_a_batch_what_it_gets_alone(text_alignment: str) -> None:
    model = small_flow()
    model.text.text_alignment = text_alignment
    lengths = torch.tensor([23, 40, 31])
    noised, condition = torch.randn(3, 40, CHANNELS), torch.randn(3, 40, CHANNELS)
    text = torch.randint(1, 20, (3, 18))
    text[0, 7:], text[2, 12:] = 0, 0
    time = torch.tensor([0.1, 0.5, 0.9])
    ends = torch.rand(3, 18).mul(3).cumsum(1).masked_fill(text == 0, math.inf)

    def velocity(items: slice, frames: int, tokens: int) -> torch.Tensor:
        embedded = model.text(text[items, :tokens], lengths[items], ends[items, :tokens])
        context = model.transformer.context(condition[items, :frames], embedded)
        return model.transformer(noised[items, :frames], time[items], context, lengths[items])

    batch = velocity(slice(None), 40, 18)
    for i, (frames, tokens) in enumerate([(23, 7), (40, 18), (31, 12)]):
        alone = velocity(slice(i, i + 1), frames, tokens)[0]
        torch.testing.assert_close(batch[i, :frames], alone, rtol=1e-4, atol=1e-5)


def test_text_of_filler_is_zero_and_real_text_is_not() -> None:
    model = small_flow()
    lengths = torch.tensor([9])
    embedded = model.text(torch.tensor([[3, 4, 5]]), lengths)
    assert embedded[0, :3].abs().min() > 0
    assert not embedded[0, 3:].any()
    for model.text.text_alignment in TEXT_ALIGNMENTS:
        assert not model.text(torch.zeros(2, 5, dtype=torch.long), lengths.expand(2), torch.ones(2, 5)).any()


def test_text_can_be_spread_over_its_frames() -> None:
    model, text = small_flow(), torch.tensor([[3, 4, 5, 0], [3, 4, 5, 6]])
    lengths = torch.tensor([10, 4])
    placed = model.text(text, lengths)
    model.text.text_alignment = "uniform"
    spread = model.text(text, lengths)
    assert torch.equal(spread[0, :10], placed[0, [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]])
    assert torch.equal(spread[1, :4], placed[1, :4])
    assert not spread[1, 4:].any()


def test_text_can_stand_where_it_is_spoken() -> None:
    model, text = small_flow(), torch.tensor([[3, 4, 5, 0], [3, 4, 5, 6]])
    lengths, ends = torch.tensor([10, 6]), torch.tensor([[2.0, 2.0, 9.0, math.inf], [0.4, 1.6, 5.0, 6.0]])
    placed = model.text(text, lengths)
    model.text.text_alignment = "duration"
    by_duration = model.text(text, lengths, ends)
    assert torch.equal(by_duration[0], placed[0, [0, 0, 2, 2, 2, 2, 2, 2, 2, 2]])  # a token without frames has none
    assert torch.equal(by_duration[1, :6], placed[1, [1, 1, 2, 2, 2, 3]])
    assert not by_duration[1, 6:].any()
    with pytest.raises(ValueError, match="needs the ends"):
        model.text(text, lengths)


def test_all_inputs_matter() -> None:
    model = small_flow()
    noised, condition = torch.randn(1, 12, CHANNELS), torch.randn(1, 12, CHANNELS)

    def velocity(time: float = 0.3, condition: torch.Tensor = condition, text: int = 4) -> torch.Tensor:
        context = model.transformer.context(condition, model.text(torch.tensor([[text, 3]]), torch.tensor([12])))
        return model.transformer(noised, torch.tensor([time]), context)

    for other in (velocity(time=0.4), velocity(condition=condition + 1), velocity(text=5)):
        assert (other - velocity()).abs().max() > 1e-3


@pytest.mark.parametrize(
    "wrong",
    [{"width": 100, "heads": 3}, {"layers": 0}, {"dropout": 1.0}, {"position_kernel": 4}, {"text_alignment": "end"}],
)
def test_impossible_sizes_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        TransformerConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_attention_in_bfloat16_is_torchs_forwards_and_backwards(padded: bool, autocast: bool) -> None:
    torch.manual_seed(0)
    tensors = [torch.randn(3, 2, 70, 16) for _ in range(3)]
    seen = torch.arange(70) < torch.tensor([70, 33, 1])[:, None, None, None] if padded else None
    weights = torch.randn(3, 2, 70, 16)

    def run(written_out: bool) -> list[torch.Tensor]:
        kind = torch.bfloat16 if written_out else torch.float32
        leaves = [tensor.to(kind, copy=True).requires_grad_() for tensor in tensors]
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast and written_out):
            made = attend(*leaves, seen) if written_out else F.scaled_dot_product_attention(*leaves, attn_mask=seen)
        assert made.dtype == kind
        (made.float() * weights).sum().backward()
        return [made.float(), *(leaf.grad.float() for leaf in leaves if leaf.grad is not None)]

    for got, expected in zip(run(True), run(False), strict=True):
        assert (got - expected).norm() / expected.norm() < 0.02
