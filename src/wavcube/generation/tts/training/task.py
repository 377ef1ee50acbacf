"""The training task of text to speech: its objective, speech with its frames, and validations."""

import logging
from pathlib import Path

import torch
from lightning.fabric import Fabric

from wavcube.engine.trainable import Trainable, Validation
from wavcube.generation.flow.feature_codec import load_feature_codec
from wavcube.generation.tts.durations.alignment import align_corpora, token_durations
from wavcube.generation.tts.durations.duration_network import DurationNetwork
from wavcube.generation.tts.durations.duration_training import LEAST_UTTERANCES, fit_durations
from wavcube.generation.tts.model import FlowMatchingTTS
from wavcube.generation.tts.training.batches import BatchStream
from wavcube.generation.tts.training.config import SpeechTrainConfig
from wavcube.generation.tts.training.dataset import SpeechCorpus, names_of, read_corpora
from wavcube.generation.tts.training.objective import TTSObjective, starting_model
from wavcube.generation.tts.training.samples import SampleSpeaker
from wavcube.generation.tts.training.validation import HeldOutLoss, SpokenSamples
from wavcube.progress import Progress

logger = logging.getLogger(__name__)


def build_trainable(config: SpeechTrainConfig, folder: Path, fabric: Fabric, checkpoint: Path | None) -> Trainable:
    """The objective of a run in `folder` with its utterances; frames that are not on the disk yet are computed.

    Raises:
        WavCubeError: what it starts from, its representation or its data cannot be used.
    """
    with torch.random.fork_rng([]):  # what loading draws should not change a new model's weights
        codec = load_feature_codec(config.representation, fabric.device)
    spoken, held_out = read_corpora(config.data.train), read_corpora(config.data.validation)
    model = starting_model(config, checkpoint, codec, spoken)
    with fabric.rank_zero_first():
        common = (codec.extractor, model.text_frontend, model.vocabulary, config.data)
        names, shown = [names_of(part) for part in (config.data.train, config.data.validation)], fabric.is_global_zero
        corpus = SpeechCorpus(spoken, *common, source=names[0], show_progress=shown)
        validation = SpeechCorpus(held_out, *common, source=names[1], show_progress=shown) if held_out else None
        if model.duration_predictor is not None:
            both = [corpus, validation] if validation is not None else [corpus]
            align_corpora(both, model.vocabulary, config.data.cache, fabric.is_global_zero)
    if checkpoint is None and not config.init_from:
        mean, std = codec.statistics or corpus.statistics()
        model.mean.copy_(mean)
        model.std.copy_(std)
    teacher = None
    if config.few_steps.steps:
        teacher = FlowMatchingTTS.from_pretrained(config.init_from, fabric.device).requires_grad_(False)
    elif checkpoint is None and isinstance(model.duration_predictor, DurationNetwork):
        _fit_durations(model.duration_predictor, corpus, config, fabric.is_global_zero)
    objective = TTSObjective(model, config, teacher).to(fabric.device)

    frames = round(config.batches.seconds * codec.extractor.frame_rate)
    stream = BatchStream(
        corpus, frames, config.batches.utterances, config.run.seed, fabric.global_rank, fabric.world_size
    )
    validations: list[Validation] = []
    if validation is not None:
        validations.append(HeldOutLoss(config.validation.every, fabric, objective, validation))
    if config.samples.every:
        speaker = SampleSpeaker(model, codec, held_out, config.samples) if fabric.is_global_zero else None
        validations.append(SpokenSamples(config.samples.every, speaker, folder / "samples"))
    return Trainable(objective, stream, stream.mean_seconds, validations, data=corpus.summary())


def _fit_durations(network: DurationNetwork, corpus: SpeechCorpus, config: SpeechTrainConfig, shown: bool) -> None:
    """Fit the durations of a new model; go on with those of one to fine-tune, if there is enough to do it well."""
    if config.init_from and len(corpus) < LEAST_UTTERANCES:
        return
    timed = [token_durations(example) for example in corpus.examples]
    with torch.random.fork_rng([]), Progress(disable=not shown, transient=True) as progress:
        task = progress.add_task("learning durations", total=None)
        found = fit_durations(
            network,
            timed,
            seed=config.run.seed,
            begin=not config.init_from,
            report=lambda done, total: progress.update(task, completed=done, total=total),
        )
    logger.info("durations: %d steps, %.3f nats a token on held-out utterances", found.steps, found.loss)
