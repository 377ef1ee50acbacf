"""The objective of text to speech, and the source of its initial weights."""

import logging
from pathlib import Path
from typing import Any

from torch import Tensor

from wavcube.data.clip import Clip
from wavcube.engine.trainable import DiscriminatorFn, Logs, Objective
from wavcube.errors import ConfigError
from wavcube.generation.flow.config import TransformerConfig
from wavcube.generation.flow.feature_codec import FeatureCodec, check_fingerprint
from wavcube.generation.flow.few_steps import FewStepDistillation
from wavcube.generation.flow.flow_matching import FlowMatching
from wavcube.generation.flow.model_folder import export_model
from wavcube.generation.tts.config import FlowMatchingTTSConfig
from wavcube.generation.tts.model import FlowMatchingTTS, write_model
from wavcube.generation.tts.text.frontend import build_text_frontend
from wavcube.generation.tts.text.vocabulary import Vocabulary
from wavcube.generation.tts.training.card import model_card
from wavcube.generation.tts.training.config import SpeechTrainConfig
from wavcube.generation.tts.training.dataset import SpeechBatch

logger = logging.getLogger(__name__)


class TTSObjective(Objective):
    """Flow matching on batches of utterances, and the teacher's steps where few are to be learnt; no discriminators."""

    networks: FlowMatching
    dynamic_shapes = True

    def __init__(
        self, model: FlowMatchingTTS, config: SpeechTrainConfig, teacher: FlowMatchingTTS | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.networks = (
            FlowMatching(model, config.flow)
            if teacher is None
            else FewStepDistillation(model, config.flow, config.few_steps, teacher)
        )

    def inputs(self, batch: SpeechBatch) -> dict[str, Any]:
        return {"values": batch.values, "lengths": batch.lengths, "text": batch.text, "ends": batch.ends}

    def loss(self, batch: SpeechBatch, output: Tensor, discriminate: DiscriminatorFn | None) -> tuple[Tensor, Logs]:
        return output, {}

    def save(self, folder: Path, weights: dict[str, Tensor]) -> None:
        own = {key.removeprefix("model."): value for key, value in weights.items()}
        write_model(folder, self.networks.model.config, own)

    def export(self, checkpoint: Path, folder: Path) -> None:
        export_model(checkpoint, folder, model_card(self.networks.model, self.config))


def starting_model(
    config: SpeechTrainConfig, checkpoint: Path | None, representation: FeatureCodec, utterances: list[Clip]
) -> FlowMatchingTTS:
    """The model of a run: of its own checkpoint, of the model it starts from, or with random weights.

    A new model has no statistics yet: the caller sets them from its data. One to fine-tune keeps those it has, since
    its weights expect them.

    Raises:
        CheckpointError: the model to start from or to go on with is of another representation.
        ConfigError: impossible sizes or text frontend.
    """
    if checkpoint is not None:
        model = FlowMatchingTTS.from_pretrained(checkpoint)
        check_fingerprint(model.config.representation, representation.extractor)
        return model
    if config.init_from:
        model = FlowMatchingTTS.from_pretrained(config.init_from)
        check_fingerprint(model.config.representation, representation.extractor)
        if config.few_steps.steps:
            return model.with_few_steps(config.few_steps.steps)
        if model.config.transformer.few_steps:
            logger.warning("the few-step form of the model is left out: it would stay as it was; teach it anew")
            model = model.with_few_steps(0)
        text_frontend = config.model.change_text_frontend or model.config.text_frontend
        found = _vocabulary(config, text_frontend, utterances)
        new = model.vocabulary.unknown(found.tokens)
        if new:
            logger.warning("%d tokens are new to the model: %s", len(new), " ".join(map(repr, new[:20])))
        elif text_frontend == model.config.text_frontend:
            return model
        spoken = _languages(utterances) if text_frontend != model.config.text_frontend else model.config.languages
        return model.with_vocabulary(Vocabulary([*model.vocabulary.tokens, *new]), text_frontend, spoken)
    try:
        base = TransformerConfig.preset(config.model.preset)
        sizes = TransformerConfig(**{**vars(base), **config.model.transformer})
    except TypeError as error:
        raise ConfigError(f"model.transformer: {str(error).split(')', 1)[-1].strip()}") from error
    vocabulary = _vocabulary(config, config.model.text_frontend, utterances)
    described = representation.describe(config.representation)
    return FlowMatchingTTS(
        FlowMatchingTTSConfig(
            sizes,
            described,
            config.model.text_frontend,
            vocabulary.tokens,
            durations="network",
            languages=_languages(utterances),
        )
    )


def _languages(utterances: list[Clip]) -> tuple[str, ...]:
    return tuple(sorted({utterance.language for utterance in utterances}))


def _vocabulary(config: SpeechTrainConfig, text_frontend: str, utterances: list[Clip]) -> Vocabulary:
    if config.model.vocabulary:
        return Vocabulary.read(Path(config.model.vocabulary))
    tokens = build_text_frontend(text_frontend)
    return Vocabulary.collect(tokens(utterance.transcript or "") for utterance in utterances)
