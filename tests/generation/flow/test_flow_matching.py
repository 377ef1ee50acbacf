import pytest
import torch

from tests.generation.small import CHANNELS, small_flow
from wavcube.generation.flow.flow_matching import FlowMatching, FlowSettings, NoiseSample, sample_noise
from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.tts.model import FlowMatchingTTS, SynthesisRequest


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    text = torch.randint(1, 20, (3, 8), generator=generator)
    text[1, 5:] = 0
    return torch.randn(3, 40, CHANNELS, generator=generator), torch.tensor([40, 25, 31]), text


def test_spans_lie_inside_and_are_as_long_as_asked() -> None:
    lengths = torch.randint(1, 200, (2000,))
    noise_sample = sample_noise(torch.zeros(2000, 200, 1), lengths, FlowSettings(span_low=0.7, span_high=1.0))
    share = noise_sample.span.sum(1) / lengths
    inside = torch.arange(200) < lengths[:, None]
    assert not (noise_sample.span & ~inside).any()
    assert (noise_sample.span.sum(1) >= 1).all()
    long = lengths > 100
    assert 0.69 <= share[long].min() <= 0.72
    assert share[long].max() > 0.98
    # a span has no holes
    assert ((noise_sample.span[:, 1:] & ~noise_sample.span[:, :-1]).sum(1) + noise_sample.span[:, 0] == 1).all()


def test_drops_come_as_often_as_asked() -> None:
    noise_sample = sample_noise(torch.zeros(20_000, 1, 1), torch.ones(20_000, dtype=torch.long), FlowSettings())
    assert float(noise_sample.hide_text.float().mean()) == pytest.approx(0.2, abs=0.02)
    assert float(noise_sample.hide_condition.float().mean()) == pytest.approx(0.3 + 0.7 * 0.2, abs=0.02)
    assert noise_sample.hide_condition[noise_sample.hide_text].all()
    assert float(noise_sample.time.mean()) == pytest.approx(0.5, abs=0.02)


def test_the_loss_is_that_of_single_items_weighted_by_their_spans() -> None:
    objective = FlowMatching(small_flow(), FlowSettings()).eval()
    values, lengths, text = batch()
    noise_sample = sample_noise(values, lengths, FlowSettings())
    together = objective(values, lengths, text, noise_sample=noise_sample)
    total = count = 0.0
    for i, length in enumerate(lengths.tolist()):
        one = NoiseSample(
            noise_sample.noise[i : i + 1, :length], noise_sample.time[i : i + 1], noise_sample.span[i : i + 1, :length],
            noise_sample.hide_condition[i : i + 1], noise_sample.hide_text[i : i + 1],
        )  # fmt: skip
        tokens = int((text[i] > 0).sum())
        alone = objective(values[i : i + 1, :length], lengths[i : i + 1], text[i : i + 1, :tokens], noise_sample=one)
        size = float(one.span.sum())
        total, count = total + float(alone.detach()) * size, count + size
    assert float(together.detach()) == pytest.approx(total / count, rel=1e-4)


def test_hidden_frames_and_padding_are_not_seen() -> None:
    """What is hidden reaches the network as noise alone: at time 0 it has no influence on the velocity."""
    objective = FlowMatching(small_flow(), FlowSettings()).eval()
    values, lengths, text = batch()
    noise_sample = sample_noise(values, lengths, FlowSettings())
    noise_sample.time.zero_()
    seen = []
    objective.model.transformer.register_forward_hook(lambda *args: seen.append(args[2].detach()))
    objective(values, lengths, text, noise_sample=noise_sample)
    inside = torch.arange(40) < lengths[:, None]
    changed = values + 3.0 * (noise_sample.span | ~inside)[..., None]
    objective(changed, lengths, text, noise_sample=noise_sample)
    torch.testing.assert_close(seen[0][inside], seen[1][inside])
    objective(values + 3.0 * inside[..., None], lengths, text, noise_sample=noise_sample)
    shown = ~noise_sample.span & ~noise_sample.hide_condition[:, None] & inside
    if shown.any():
        assert (seen[2] - seen[0])[shown].abs().max() > 1e-3


@pytest.mark.long
def test_a_tiny_model_learns_two_clips_by_heart() -> None:
    """Two texts with their own frames: after training the model makes the right ones for each text, from noise."""
    torch.manual_seed(0)
    model = small_flow(scale=0.0).train()
    model.mean.zero_(), model.std.fill_(1.0)
    time = torch.linspace(0, 6, 30)[:, None]
    clips = torch.stack([torch.sin(time + torch.arange(CHANNELS)), torch.cos(2 * time * torch.ones(CHANNELS))])
    texts = ["abc def ghi", "some words"]
    text = torch.nn.utils.rnn.pad_sequence([torch.tensor(model.token_ids(t)) for t in texts], True)
    lengths = torch.tensor([30, 30])
    objective = FlowMatching(model, FlowSettings())
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    rows = torch.arange(16) % 2
    for _ in range(250):
        loss = objective(clips[rows], lengths[rows], text[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    for own in (0, 1):
        item = SynthesisRequest(clips[own, :8], model.token_ids(texts[own]), 22, seed=5)
        made = model.generate([item], SolverSettings(16, guidance=1.0))[0]
        error, other = ((made - clips[i, 8:]).square().mean() for i in (own, 1 - own))
        assert error < 0.15, f"clip {own}: {error:.3f}"
        assert other > 3 * error


def test_what_trains_is_everything() -> None:
    torch.manual_seed(0)
    objective = FlowMatching(small_flow(), FlowSettings(drop_condition=0.0, drop_all=0.0)).train()
    objective(*batch()).backward()
    without = [name for name, p in objective.named_parameters() if p.grad is None or not p.grad.any()]
    # The norm of a response is zero at first, but not here: only the row of filler is never used, beside others' rows.
    assert without == []


def test_a_fresh_model_s_loss_is_that_of_zero_velocity() -> None:
    model = FlowMatchingTTS(small_flow().config)
    values, lengths, text = batch()
    noise_sample = sample_noise(values, lengths, FlowSettings())
    loss = FlowMatching(model, FlowSettings())(values, lengths, text, noise_sample=noise_sample)
    assert float(loss) == pytest.approx(
        float((values - noise_sample.noise)[noise_sample.span].square().mean()), rel=1e-5
    )


def test_text_aligned_by_duration_stands_on_hidden_frames_only() -> None:
    objective = FlowMatching(small_flow(text_alignment="duration"), FlowSettings(drop_all=0.0)).eval()
    values, lengths, text = batch()
    ends = torch.where(text > 0, 3.0 * torch.arange(1, 9), torch.inf)
    noise_sample = sample_noise(values, lengths, objective.settings)
    embedded = []
    context = objective.model.transformer.context
    objective.model.transformer.context = lambda *args: embedded.append(args[1]) or context(*args)  # type: ignore
    objective(values, lengths, text, ends, noise_sample)
    assert not embedded[0][~noise_sample.span].any()
    assert embedded[0][noise_sample.span].any(-1).all()
