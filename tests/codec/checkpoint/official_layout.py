"""Our models in the layout of official checkpoints: the inverse of what conversion does, written out independently."""

from typing import Any

import torch
from torch import Tensor

from wavcube import WavCube

PARTS = {
    "compressor.layers": "feature_extractor.enc_transformer",
    "compressor.projection": "feature_extractor.enc_projection",
    "compressor.mean": "feature_extractor.fc_mu",
    "compressor.log_variance": "feature_extractor.fc_var",
    "restorer.projection": "feature_extractor.dec_projection",
    "restorer.layers": "feature_extractor.dec_transformer",
    "encoder.feature_norm": "feature_extractor.post_wavlm_layer_norm",
    "decoder.input": "backbone.upsample_proj",
    "decoder.latent_upsampler": "backbone.decoder.dconv1",
    "decoder.upsampler": "backbone.decoder.dconv2",
    "decoder.layers": "backbone.decoder.layers",
    "decoder.norm": "backbone.decoder.layer_norm",
    "decoder.vocoder.input": "backbone.decoder.vocoder.embeddings",
    "decoder.vocoder.layers": "backbone.decoder.vocoder.layers",
    "decoder.vocoder.norm": "backbone.decoder.vocoder.layer_norm",
    "decoder.vocoder.head": "backbone.decoder.vocoder.head.out",
}
INSIDE_DECODER_LAYERS = {
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.out_proj",
    "attention_norm": "self_attn_layer_norm",
    "feed_forward_norm": "final_layer_norm",
    "feed_forward.0": "fc1",
    "feed_forward.2": "fc2",
}


def official_name(name: str, stage: int) -> str:
    encoder = "feature_extractor.rep_model." if stage == 2 else "feature_extractor.model."
    if name.startswith("teacher."):
        return "feature_extractor.model." + name.removeprefix("teacher.")
    if name.startswith("encoder.") and "feature_norm" not in name:
        return encoder + name.removeprefix("encoder.")
    part = max((part for part in PARTS if name.startswith(f"{part}.")), key=len)
    rest = name.removeprefix(f"{part}.")
    if part in ("decoder.layers", "decoder.vocoder.layers"):
        number, rest = rest.split(".", 1)
        inside, leaf = rest.rsplit(".", 1)
        rest = f"{number}.{INSIDE_DECODER_LAYERS[inside]}.{leaf}"
    return f"{PARTS[part]}.{rest}"


def official_state(model: WavCube) -> dict[str, Tensor]:
    """Every tensor that an official checkpoint of this model holds, also those that are never used."""
    config, stage = model.config, model.config.stage
    state = {}
    for name, value in model.state_dict().items():
        if name in ("latent_mean", "latent_std") or name.startswith("teacher.feature_norm."):
            continue
        # The input projection is a convolution of width one there.
        state[official_name(name, stage)] = value[..., None] if name == "decoder.input.weight" else value
    width = config.encoder.width
    for encoder in ("model", "rep_model")[:stage]:
        state[f"feature_extractor.{encoder}.masked_spec_embed"] = torch.rand(width)
    if stage == 2 and model.teacher is None:
        for name, value in model.encoder.state_dict().items():
            if not name.startswith("feature_norm."):
                state[f"feature_extractor.model.{name}"] = torch.randn_like(value)
    for name in ("weight", "bias"):
        state.setdefault(f"feature_extractor.post_wavlm_layer_norm.{name}", torch.rand(width))
    decoder = config.decoder.width
    for name, shape in {
        "conv.weight": (decoder, decoder, 2),
        "conv.bias": (decoder,),
        "norm.weight": (decoder,),
        "norm.bias": (decoder,),
    }.items():
        state.setdefault(f"backbone.decoder.dconv1.{name}", torch.rand(*shape))
    state["backbone.decoder.vocoder.head.istft.window"] = torch.hann_window(config.decoder.vocoder.n_fft)
    return state


def official_checkpoint(model: WavCube, **more: Any) -> dict[str, Any]:
    """What Lightning writes: the state dict among the trainer's own things."""
    return {
        "epoch": 177,
        "global_step": 195_000,
        "pytorch-lightning_version": "1.8.6",
        "state_dict": official_state(model),
        "hyper_parameters": {"sample_rate": 16_000, "mel_loss_coeff": 4.5},
        **more,
    }
