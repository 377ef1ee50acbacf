from pathlib import Path

import torch

from tests.cli.conftest import Command
from wavcube.codec import WavCube
from wavcube.codec.checkpoint.official_names import DECODER_LAYER, PREFIXES


def official_state(model: WavCube) -> dict[str, torch.Tensor]:
    """The model's weights under the names of an official stage-2 checkpoint, whose teacher is the same encoder."""
    state = {}
    for name, value in model.state_dict().items():
        if name.startswith("encoder."):
            for encoder in ("feature_extractor.rep_model.", "feature_extractor.model."):
                state[encoder + name.removeprefix("encoder.")] = value.clone()
            continue
        official, ours = next((official, ours) for official, ours in PREFIXES if name.startswith(ours))
        leaf = name.removeprefix(ours)
        for theirs, mine in DECODER_LAYER if ".layers." in official else ():
            leaf = leaf.replace(mine, theirs)
        state[official + leaf] = value[..., None] if name == "decoder.input.weight" else value
    return state


def test_an_official_checkpoint_becomes_a_model(wavcube: Command, model: Path, tmp_path: Path) -> None:
    plain = WavCube.from_pretrained(model)
    state = official_state(plain) | {"multiperioddisc.discriminators.0.convs.0.bias": torch.zeros(3)}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "official.ckpt")
    outcome = wavcube("convert", tmp_path / "official.ckpt", "-o", tmp_path / "m", "--config", model / "config.json")
    assert outcome.code == 0, outcome.err
    assert "stage 2, latent of 16 at 50 Hz" in outcome.out
    assert "multiperioddisc (1)" in outcome.out
    converted = WavCube.from_pretrained(tmp_path / "m")
    assert converted.restorer is None
    clip = 0.1 * torch.randn(8_000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(converted.encode(clip, 16_000).values, plain.encode(clip, 16_000).values)


def test_what_cannot_be_converted_is_said(wavcube: Command, model: Path, tmp_path: Path) -> None:
    (tmp_path / "noise.ckpt").write_bytes(bytes(range(256)) * 10)
    outcome = wavcube("convert", tmp_path / "noise.ckpt", "-o", tmp_path / "m")
    assert outcome.code == 1
    assert "noise.ckpt: not a checkpoint" in outcome.err
    assert not (tmp_path / "m").exists()
    torch.save({"state_dict": official_state(WavCube.from_pretrained(model))}, tmp_path / "tiny.ckpt")
    outcome = wavcube("convert", tmp_path / "tiny.ckpt", "-o", tmp_path / "m")
    assert outcome.code == 1
    assert "--decoder-heads" in outcome.err
