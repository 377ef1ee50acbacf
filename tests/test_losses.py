"""The latent as a loss: zero for what is equal, padding without influence, gradients to the estimate alone."""

import copy
import re
import shutil
from pathlib import Path

import pytest
import torch

from tests.codec.small import ENCODERS, padded_batch, relative_error, signal, small_model
from tests.locations import REPOSITORY, SPEECH
from wavcube.codec.checkpoint import folder as checkpoint
from wavcube.errors import AudioError, ConfigError, WavCubeError
from wavcube.losses import LatentDistance


@pytest.mark.parametrize("encoder", [name for name in ENCODERS if name != "layer-3"])
def test_the_distance_is_that_of_the_latents(encoder: str) -> None:
    model = small_model(encoder)
    first, second = (torch.from_numpy(signal(6_000, seed=seed))[None] for seed in (0, 1))
    expected = (model(first)[0] - model(second)[0]).square().mean()
    distance = LatentDistance(model)
    assert relative_error(distance(first, second), expected) < 1e-4
    assert float(distance(first, first)) < 1e-9
    with_layers = LatentDistance(model, layers=(1, 2))
    assert float(with_layers(first, first)) < 1e-9
    assert float(with_layers(first, second)) != float(distance(first, second))


@pytest.mark.parametrize("layers", [(), (0, 4)])
@pytest.mark.parametrize("rate", [50, 25])
def test_padding_has_no_influence(layers: tuple[int, ...], rate: int) -> None:
    distance = LatentDistance(small_model(frame_rate=rate), layers)
    lengths = torch.tensor([9_000, 5_321])
    first, second = padded_batch(lengths.tolist(), seed=1), padded_batch(lengths.tolist(), seed=2)
    together = distance(first, second, lengths)
    frames = torch.tensor([distance.model.expected_frames(int(n)) for n in lengths])
    full = torch.tensor([distance.model.config.encoder.frames(int(n)) for n in lengths])
    alone = [distance(first[i : i + 1, :n], second[i : i + 1, :n]) for i, n in enumerate(lengths)]
    if not layers:
        expected = sum(one * count for one, count in zip(alone, frames, strict=True)) / frames.sum()
        assert relative_error(together, expected) < 1e-4
    else:
        assert frames.tolist() == full.tolist() or rate == 25
        louder = padded_batch(lengths.tolist(), seed=1, padding=3.0)
        assert relative_error(distance(louder, second, lengths), together) < 1e-5


def test_gradients_reach_the_estimate_and_nothing_else() -> None:
    model = small_model()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    distance = LatentDistance(model, layers=(2,)).train()
    estimate = torch.from_numpy(signal(6_000))[None].requires_grad_()
    target = torch.from_numpy(signal(6_000, seed=1))[None].requires_grad_()
    loss = distance(estimate, target)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, distance(estimate, target))  # no dropout, though it is in training mode
    loss.backward()
    assert estimate.grad is not None
    assert target.grad is None
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in distance.parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_statistics_are_the_unit_and_half_precision_is_near() -> None:
    model = small_model()
    first, second = (torch.from_numpy(signal(6_000, seed=seed))[None] for seed in (0, 1))
    plain = LatentDistance(copy.deepcopy(model))(first, second)
    assert relative_error(LatentDistance(copy.deepcopy(model).bfloat16())(first, second), plain) < 0.1
    model.register_buffer("latent_std", torch.full((16,), 2.0))
    assert relative_error(LatentDistance(model)(first, second), plain / 4) < 1e-5


def test_a_model_of_transformers_serves_as_well(tmp_path: Path) -> None:
    from wavcube.hf import WavCubeModel

    made = small_model()
    made.save_pretrained(tmp_path)
    first, second = (torch.from_numpy(signal(6_000, seed=seed))[None] for seed in (0, 1))
    theirs = LatentDistance(WavCubeModel.from_pretrained(tmp_path))
    assert torch.equal(theirs(first, second), LatentDistance(made)(first, second))


def test_what_is_refused() -> None:
    model = small_model()
    with pytest.raises(ConfigError, match="hidden states 0 to 4, and no 5"):
        LatentDistance(model, layers=(5,))
    distance = LatentDistance(model)
    with pytest.raises(AudioError, match=r"differ in shape: \[1, 800\] and \[1, 900\]"):
        distance(torch.zeros(1, 800), torch.zeros(1, 900))
    with pytest.raises(AudioError, match="at least 400 samples"):
        distance(torch.zeros(1, 300), torch.zeros(1, 300))
    with pytest.raises(WavCubeError, match="has no gradients for a loss"):
        LatentDistance(small_model().optimize())


def test_the_code_of_the_document_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a tiny model, two clips and few steps, after which the denoised speech is nearer."""
    small_model("whisper").save_pretrained(tmp_path / "model")
    monkeypatch.setattr(checkpoint, "PACKAGED", tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "speech").mkdir()
    for name in ("p287_002.flac", "118-121721-0000.opus"):
        shutil.copy(SPEECH / name, tmp_path / "speech")
    text = (REPOSITORY / "docs/losses.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    names: dict = {}
    for block in blocks:
        exec(
            block.replace("steps, seconds = 300, 2", "steps, seconds = 20, 0.5").replace("seconds * 16_000", "8_000"),
            names,
        )
    assert sum(names["losses"][-5:]) < sum(names["losses"][:5])
    assert names["vectors"].shape == (2, 16)
    assert names["wider"].shape == (2, 32)
    assert names["speech"].shape == (1, 320 * len(names["matched"]))
