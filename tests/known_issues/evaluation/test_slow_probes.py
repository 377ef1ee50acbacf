"""`wavcube probe` took five minutes for 25 clips, silently, with no way to make it shorter.

Frames were read, standardised and padded anew at every step, and every learning rate and seed trained by itself.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tests.cli.test_probe import clips, run  # noqa: F401
from tests.understanding.probes.test_probes import texts
from wavcube.understanding.ctc import token_set
from wavcube.understanding.probes.characters import LEARNING_RATES, StandardisedFrames, train_heads
from wavcube.understanding.probes.probe import ProbeSettings

SETTINGS = ProbeSettings(character_steps=12, character_batch=8, seeds=(0, 1))


def trained_alone(frames, examples, tokens, rate, seed) -> nn.Linear:
    """The plain loop: one head, torch's CTC loss, every drawn item by itself."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    index = {token: i for i, token in enumerate(tokens)}
    head = nn.Linear(len(frames.mean), len(tokens))
    optimizer = torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, SETTINGS.character_steps)
    for _ in range(SETTINGS.character_steps):
        batch = [examples[i] for i in random.integers(len(examples), size=SETTINGS.character_batch)]
        values, lengths = frames.batch(batch)
        targets = torch.tensor([index[c] for example in batch for c in example.target])
        sizes = torch.tensor([len(example.target) for example in batch])
        logs = head(values).log_softmax(-1).transpose(0, 1)
        optimizer.zero_grad()
        F.ctc_loss(logs, targets, lengths, sizes, zero_infinity=True).backward()
        optimizer.step()
        schedule.step()
    return head


def test_heads_side_by_side_are_those_that_train_alone():
    source, corpus = texts(carried=True)
    tokens = token_set(example.target for example in corpus.train)
    frames = StandardisedFrames(source, corpus.train, "cpu")
    heads = train_heads(frames, corpus.train[:10], tokens, SETTINGS, "cpu")
    for seed, of_seed in zip(SETTINGS.seeds, heads, strict=True):
        for rate, head in zip(LEARNING_RATES, of_seed, strict=True):
            alone = trained_alone(frames, corpus.train[:10], tokens, rate, seed)
            torch.testing.assert_close(head.weight, alone.weight, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(head.bias, alone.bias, rtol=1e-4, atol=1e-5)


def test_frames_beyond_the_memory_are_the_same(monkeypatch):
    source, corpus = texts(carried=True)
    kept = StandardisedFrames(source, corpus.train, "cpu").batch(corpus.train[:4])
    monkeypatch.setattr("wavcube.understanding.probes.characters.KEPT_BYTES", 0)
    read = StandardisedFrames(source, corpus.train, "cpu").batch(corpus.train[:4])
    assert all(torch.equal(a, b) for a, b in zip(kept, read, strict=True))


def test_steps_can_be_said_progress_is_seen_and_other_steps_or_data_are_another_result(clips, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr("wavcube.cli.probe.LINE_SECONDS", 0.0)
    command = ["--data", clips, "-m", "logmel", "--task", "speakers", "--seeds", 1, "-o", tmp_path / "out", "--steps"]
    first = run(*command, 5)
    assert first.exit_code == 0, first.output
    assert "step 10 of 10, 0 s left" in first.output
    assert json.loads((tmp_path / "out" / "logmel-speakers.json").read_text())["steps"] == 5
    assert "already there" in run(*command, 5).output
    assert "already there" not in run(*command, 6).output
    clips.write_text(clips.read_text().replace("\tab", "\tba"))
    assert "already there" not in run(*command, 6).output
