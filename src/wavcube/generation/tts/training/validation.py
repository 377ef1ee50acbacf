"""Validation of text to speech: the loss on held-out utterances, and sentences that are spoken."""

from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import nn

from wavcube.engine.trainable import Measured, Validation
from wavcube.generation.flow.flow_matching import sample_noise
from wavcube.generation.tts.training.dataset import SpeechCorpus
from wavcube.generation.tts.training.objective import TTSObjective
from wavcube.generation.tts.training.samples import SampleSpeaker

BATCH = 16


class HeldOutLoss(Validation):
    """Mean over batches of held-out utterances, with the same noise and spans every time; all processes alike."""

    def __init__(self, every: int, fabric: Fabric, objective: TTSObjective, corpus: SpeechCorpus) -> None:
        self.every, self.fabric, self.objective, self.corpus = every, fabric, objective, corpus

    def measure(self, networks: nn.Module, step: int) -> Measured:
        corpus, objective = self.corpus, self.objective
        generator = torch.Generator(self.fabric.device).manual_seed(0)
        order = sorted(range(len(corpus)), key=lambda i: corpus.lengths[i])
        losses = []
        for start in range(0, len(order), BATCH):
            batch = corpus.batch(order[start : start + BATCH]).to(self.fabric.device)
            noise_sample = sample_noise(batch.values, batch.lengths, objective.networks.settings, generator)
            losses.append(networks(**objective.inputs(batch), noise_sample=noise_sample).float())
        return Measured({"validation/loss": float(torch.stack(losses).mean())})


class SpokenSamples(Validation):
    """Sentences, spoken by the first process into RUN/samples/step-N.

    Args:
        every: steps from one to the next.
        speaker: None on other processes.
        folder: of all samples.
    """

    def __init__(self, every: int, speaker: SampleSpeaker | None, folder: Path) -> None:
        self.every, self.speaker, self.folder = every, speaker, folder

    def measure(self, networks: nn.Module, step: int) -> Measured:
        if self.speaker is None:
            return Measured({})
        measured = self.speaker.speak(self.folder / f"step-{step:08d}")
        return Measured({f"samples/{name}": value for name, value in measured.items()}, note="samples spoken")
