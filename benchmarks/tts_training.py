"""Text to speech: what a training step costs in float32 and bfloat16, and whether Muon learns more in the same time.

    python -m benchmarks.tts_training precision --data SPEECH.tsv [--threads 1] [--rounds 4]
    python -m benchmarks.tts_training optimizers --data SPEECH.tsv [--threads 1] [--cpu-seconds 120]

The model and the settings are those of recipes/tts-nano.yaml, the frames log-mel. Both count the CPU time of the
process, which other work on the machine distorts least; use one thread for that.

precision: medians over steps that take turns, on the same batches.
optimizers: from the same weights and with the same batches in the same order, each for the same CPU time, the learning
rate rising over its first tenth and falling to 0 at its end; then the loss on held-out speech. Muon (Jordan et al.
2024) has the matrices of the transformer's layers, with steps as large as AdamW's (match_rms_adamw); AdamW the rest.
"""

import argparse
import contextlib
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from benchmarks.harness import interleave, save
from wavcube.generation.flow.config import TransformerConfig
from wavcube.generation.flow.feature_codec import load_feature_codec
from wavcube.generation.flow.flow_matching import FlowMatching, sample_noise
from wavcube.generation.tts.config import FlowMatchingTTSConfig
from wavcube.generation.tts.durations.alignment import align_corpora
from wavcube.generation.tts.model import FlowMatchingTTS
from wavcube.generation.tts.text.frontend import build_text_frontend
from wavcube.generation.tts.text.vocabulary import Vocabulary
from wavcube.generation.tts.training.batches import BatchStream
from wavcube.generation.tts.training.config import CorpusSettings, SpeechTrainConfig
from wavcube.generation.tts.training.dataset import SpeechBatch, SpeechCorpus, read_corpora
from wavcube.generation.tts.training.recipe import read_recipe

ENGLISH = {"language": "en", "transcript_kind": "true"}


class Setting:
    """Speech, and a model with the same random weights each time it is asked for."""

    def __init__(self, config: SpeechTrainConfig, data: str, utterances: int) -> None:
        self.config = config
        self.representation = load_feature_codec("logmel")
        self.text_frontend = build_text_frontend(config.model.text_frontend, edges=True)
        read = [read_corpora([CorpusSettings(data, {**ENGLISH, "split": s}, utterances)]) for s in ("train", "test")]
        self.vocabulary = Vocabulary.collect(self.text_frontend(u.transcript or "") for part in read for u in part)
        common = (self.representation.extractor, self.text_frontend, self.vocabulary, config.data)
        self.speech, self.held_out = (SpeechCorpus(part, *common, show_progress=True) for part in read)
        align_corpora([self.speech, self.held_out], self.vocabulary, config.data.cache)

    def networks(self) -> FlowMatching:
        torch.manual_seed(0)
        settings = self.config.model
        sizes = TransformerConfig(**{**vars(TransformerConfig.preset(settings.preset)), **settings.transformer})
        described = self.representation.describe("logmel")
        model = FlowMatchingTTS(
            FlowMatchingTTSConfig(sizes, described, settings.text_frontend, self.vocabulary.tokens, languages=("en",))
        )
        mean, std = self.speech.statistics()
        model.mean.copy_(mean)
        model.std.copy_(std)
        return FlowMatching(model, self.config.flow).train()

    def batches(self, frames: int) -> BatchStream:
        return BatchStream(self.speech, frames, self.config.batches.utterances, seed=0)


def in_precision(name: str) -> contextlib.AbstractContextManager[object]:
    """As Fabric computes: bf16 is autocast, with float32 weights."""
    return torch.autocast("cpu", torch.bfloat16) if name == "bf16" else contextlib.nullcontext()


def optimizers_of(networks: nn.Module, kind: str, lr: float, config: SpeechTrainConfig) -> list[Optimizer]:
    betas, decay = (config.optimizer.betas[0], config.optimizer.betas[1]), config.optimizer.weight_decay
    if kind == "adamw":
        return [AdamW(networks.parameters(), lr=lr, betas=betas, weight_decay=decay)]
    named = dict(networks.named_parameters())
    matrices = {name for name, value in named.items() if value.ndim == 2 and ".layers." in name}
    rest = [value for name, value in named.items() if name not in matrices]
    muon = torch.optim.Muon(
        [named[name] for name in sorted(matrices)], lr=lr, weight_decay=decay, adjust_lr_fn="match_rms_adamw"
    )
    return [muon, AdamW(rest, lr=lr, betas=betas, weight_decay=decay)]


def update(networks: FlowMatching, optimizers: list[Optimizer], batch: SpeechBatch, precision: str) -> Tensor:
    with in_precision(precision):
        loss = networks(batch.values, batch.lengths, batch.text, batch.ends)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(networks.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
    return loss.detach()


def compare_precisions(setting: Setting, frames: int, rounds: int) -> dict[str, object]:
    def stepper(precision: str) -> Callable[[], object]:
        networks, stream = setting.networks(), setting.batches(frames)
        optimizers = optimizers_of(networks, "adamw", 1e-4, setting.config)
        return lambda: update(networks, optimizers, next(stream), precision)

    timings = interleave({name: stepper(name) for name in ("float32", "bf16")}, rounds)
    return {
        name: {"cpu_seconds": duration_predictor.cpu, "wall_seconds": duration_predictor.wall}
        for name, duration_predictor in timings.items()
    }


def learnt_in(
    setting: Setting, kind: str, lr: float, cpu_seconds: float, frames: int, precision: str
) -> dict[str, float]:
    """Steps done and loss reached by one optimiser."""
    networks, stream = setting.networks(), setting.batches(frames)
    optimizers = optimizers_of(networks, kind, lr, setting.config)
    torch.manual_seed(1)
    steps, begin = 0, time.process_time()
    while (share := (time.process_time() - begin) / cpu_seconds) < 1:
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = lr * max(1e-3, min(10 * share, (1 - share) / 0.9))
        loss = update(networks, optimizers, next(stream), precision)
        steps += 1
    return {"steps": steps, "last_training_loss": float(loss), "held_out_loss": held_out(setting, networks, precision)}


@torch.no_grad()
def held_out(setting: Setting, networks: FlowMatching, precision: str) -> float:
    """Mean over batches of eight, with the same noise, times and spans for everybody."""
    networks.eval()
    generator, corpus, losses = torch.Generator().manual_seed(0), setting.held_out, []
    order = sorted(range(len(corpus)), key=lambda i: corpus.lengths[i])[:64]
    for start in range(0, len(order), 8):
        batch = corpus.batch(order[start : start + 8])
        noise_sample = sample_noise(batch.values, batch.lengths, networks.settings, generator)
        with in_precision(precision):
            losses.append(float(networks(batch.values, batch.lengths, batch.text, batch.ends, noise_sample)))
    return sum(losses) / len(losses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("precision", "optimizers"))
    parser.add_argument("--data", required=True, help="manifest with columns split, language and transcript_kind")
    parser.add_argument("--utterances", type=int, default=300)
    parser.add_argument("--frames", type=int, default=3000, help="of a batch, padding included; 3000 are 60 s at 50 Hz")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--cpu-seconds", type=float, default=120.0)
    parser.add_argument("--precision", choices=("float32", "bf16"), default="float32", help="of the optimizers")
    parser.add_argument("--lr", type=float, nargs="+", default=[1e-3])
    parser.add_argument("--cache", default="runs/frames")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = [f"data.cache='{options.cache}'", "data.max_seconds=8.0"]
    setting = Setting(read_recipe("tts-nano", settings), options.data, options.utterances)
    found: dict[str, object]
    if options.what == "precision":
        found = compare_precisions(setting, options.frames, options.rounds)
    else:
        found = {}
        for lr in options.lr:
            for kind in ("adamw", "muon"):
                made = learnt_in(setting, kind, lr, options.cpu_seconds, options.frames, options.precision)
                found[f"{kind} {lr:g}"] = made
                print(kind, lr, made, flush=True)
    print(found)
    print(save(f"tts_{options.what}", {**vars(options), "data": "speech.tsv", "cache": "", "found": found}))


if __name__ == "__main__":
    main()
