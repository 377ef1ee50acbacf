"""The speaker probe: one linear layer on a recording's standardised mean frame; accuracy.

The learning rate is the best of a small fixed grid on dev; test is measured once.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.errors import DataError
from wavcube.understanding.corpora.corpus import Corpus, Example
from wavcube.understanding.probes.probe import (
    STANDARD,
    FrameSource,
    ProbeResult,
    ProbeSettings,
    Progress,
    check_splits,
    summarise,
)

LEARNING_RATES = (1e-3, 1e-2)


def speaker_probe(
    frames: FrameSource,
    corpus: Corpus,
    settings: ProbeSettings = STANDARD,
    device: str = "cpu",
    progress: Progress | None = None,
) -> ProbeResult:
    """Train and evaluate a linear head on mean frames; the target of an example is its speaker.

    Raises:
        DataError: a split is empty, or dev or test has a speaker that training never shows.
    """
    check_splits(corpus)
    speakers = sorted({example.target for example in corpus.train})
    unknown = {e.target for split in (corpus.dev, corpus.test) for e in split} - set(speakers)
    if unknown:
        raise DataError(f"speakers {sorted(unknown)[:3]} of dev or test have no recording in training")
    means = {name: _mean_frames(frames, split, device) for name, split in corpus.splits.items()}
    labels = {
        name: torch.tensor([speakers.index(e.target) for e in split], device=device)
        for name, split in corpus.splits.items()
    }
    mean, std = means["train"].mean(0), means["train"].std(0).clamp_min(1e-5)
    inputs = {name: (values - mean) / std for name, values in means.items()}

    def correct(head: nn.Module, split: str) -> np.ndarray:
        with torch.no_grad():
            return (head(inputs[split]).argmax(-1) == labels[split]).float().cpu().numpy()[:, None]

    runs: list[tuple[float, float, np.ndarray]] = []
    done, total = 0, settings.speaker_steps * len(settings.seeds) * len(LEARNING_RATES)
    for seed in settings.seeds:
        tried = []
        for rate in LEARNING_RATES:
            torch.manual_seed(seed)
            head = nn.Linear(inputs["train"].shape[1], len(speakers)).to(device)
            optimizer = torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=0.01)
            for _ in range(settings.speaker_steps):
                loss = F.cross_entropy(head(inputs["train"]), labels["train"])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                done += 1
                if progress:
                    progress(done, total)
            tried.append((-float(correct(head, "dev").mean()), rate, head))
        best_dev, rate, head = min(tried, key=lambda t: t[:2])
        runs.append((-best_dev, rate, correct(head, "test")))
    return summarise("speakers", runs, lambda outcomes: float(outcomes.mean()), corpus)


@torch.no_grad()
def _mean_frames(frames: FrameSource, examples: Sequence[Example], device: str) -> Tensor:
    """[N, C], the mean frame of every recording."""
    means = [np.asarray(frames[example.clip.name], np.float32).mean(0) for example in examples]
    return torch.tensor(np.stack(means), device=device)
