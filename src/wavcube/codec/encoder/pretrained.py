"""The configuration and the weights of a speech encoder that transformers has saved, or that lies on the hub."""

from typing import Any

import torch
from torch import Tensor

from wavcube.codec.encoder.whisper import load_whisper_encoder, renamed_weights
from wavcube.codec.encoder_config import EncoderConfig
from wavcube.errors import CheckpointError, ConfigError


def read_pretrained(name: str, feature_layer: int) -> tuple[EncoderConfig, dict[str, Tensor]]:
    """A folder's or hub id's encoder, and its weights under the names of `SpeechEncoder`; see there.

    Weights that the file lacks, or has in another size, are not among them.
    """
    from transformers import AutoConfig

    try:
        theirs = AutoConfig.from_pretrained(name)
        if theirs.model_type == "whisper":
            config = EncoderConfig.from_transformers(theirs, False, feature_layer)
            return config, renamed_weights(load_whisper_encoder(name).state_dict())
        config = EncoderConfig.from_transformers(theirs, _normalizes(name, theirs), feature_layer)
        return config, _weights(name)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{name}: no speech encoder that transformers can load ({error})") from error


def _normalizes(name: str, config: Any) -> bool:
    """Whether the waveform is normalised, as its feature extractor says; w2v-BERT's has to be the known one."""
    from transformers import AutoFeatureExtractor

    extractor = AutoFeatureExtractor.from_pretrained(name)
    if config.model_type != "wav2vec2-bert":
        return bool(getattr(extractor, "do_normalize", True))
    bins, stride = getattr(extractor, "num_mel_bins", 0), getattr(extractor, "stride", 0)
    if stride != 2 or 2 * bins != config.feature_projection_input_dim:
        raise ConfigError(
            f"its feature extractor makes {bins} bands and joins {stride} frames; two frames that together have "
            f"{config.feature_projection_input_dim} bands are expected"
        )
    return False


def _weights(name: str) -> dict[str, Tensor]:
    from transformers import AutoModel

    model, found = AutoModel.from_pretrained(
        name, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
    )
    # What the file lacks, or has in another size, transformers makes up with random numbers and a warning.
    made_up = set(found["missing_keys"]) | {key for key, *_ in found["mismatched_keys"]}
    return {key: value for key, value in model.state_dict().items() if key not in made_up}
