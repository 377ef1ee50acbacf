"""What makes a checkpoint folder one that transformers loads too: entries of its config.json, and two small files.

transformers itself is not imported here. `wavcube.hf` has the classes that are named; tests hold both together.
"""

import json
from typing import Any

PREPROCESSOR, MODULE = "preprocessor_config.json", "modeling_wavcube.py"

NAMES = ("identity", "fingerprint")
"""Entries of config.json: the name of the latent space, and the fingerprint of the weights that were given it."""

TRANSFORMERS_KEYS = frozenset(
    {
        "_attn_implementation",
        "_name_or_path",
        "architectures",
        "auto_map",
        "chunk_size_feed_forward",
        "dtype",
        "id2label",
        "is_encoder_decoder",
        "label2id",
        "model_type",
        "output_attentions",
        "output_hidden_states",
        "per_layer_config",
        "problem_type",
        "return_dict",
        "tie_last_hidden_states",
        "torch_dtype",
        "transformers_version",
    }
)
"""Entries of config.json that transformers writes into every model's; they change nothing of a WavCube."""

AUTO_MAP = {
    "AutoConfig": "modeling_wavcube.WavCubeModelConfig",
    "AutoModel": "modeling_wavcube.WavCubeModel",
    "AutoModelForAudioTokenization": "modeling_wavcube.WavCubeModel",
}
PREPROCESSOR_AUTO_MAP = {"AutoFeatureExtractor": "modeling_wavcube.WavCubeFeatureExtractor"}

ENTRIES: dict[str, Any] = {
    "model_type": "wavcube",
    "architectures": ["WavCubeModel"],
    "dtype": "float32",  # weights may be stored in half precision; nothing is computed in it unless asked for
    "auto_map": AUTO_MAP,
}
"""Entries of config.json by which transformers finds its classes."""

_PREPROCESSOR_ENTRIES = {
    "feature_extractor_type": "WavCubeFeatureExtractor",
    "auto_map": PREPROCESSOR_AUTO_MAP,
    "feature_size": 1,
    "sampling_rate": 16_000,
    "padding_value": 0.0,
    "padding_side": "right",
    "return_attention_mask": True,
}

_MODULE_TEXT = '''"""WavCube for trust_remote_code=True; the code itself is the package: pip install wavcube."""

from wavcube.hf import WavCubeFeatureExtractor, WavCubeModel, WavCubeModelConfig  # noqa: F401
'''


def shared_files() -> dict[str, str]:
    """Names and contents of the files beside config.json and weights."""
    return {PREPROCESSOR: json.dumps(_PREPROCESSOR_ENTRIES, indent=2) + "\n", MODULE: _MODULE_TEXT}
