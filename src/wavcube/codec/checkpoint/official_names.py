"""Names of tensors in official WavCube checkpoints, and what they are called here."""

import re

PREFIXES = (
    ("feature_extractor.enc_transformer.", "compressor.layers."),
    ("feature_extractor.enc_projection.", "compressor.projection."),
    ("feature_extractor.fc_mu.", "compressor.mean."),
    ("feature_extractor.fc_var.", "compressor.log_variance."),
    ("feature_extractor.dec_projection.", "restorer.projection."),
    ("feature_extractor.dec_transformer.", "restorer.layers."),
    ("feature_extractor.post_wavlm_layer_norm.", "encoder.feature_norm."),
    ("backbone.upsample_proj.", "decoder.input."),
    ("backbone.decoder.dconv1.", "decoder.latent_upsampler."),
    ("backbone.decoder.dconv2.", "decoder.upsampler."),
    ("backbone.decoder.layers.", "decoder.layers."),
    ("backbone.decoder.layer_norm.", "decoder.norm."),
    ("backbone.decoder.vocoder.embeddings.", "decoder.vocoder.input."),
    ("backbone.decoder.vocoder.layers.", "decoder.vocoder.layers."),
    ("backbone.decoder.vocoder.layer_norm.", "decoder.vocoder.norm."),
    ("backbone.decoder.vocoder.head.out.", "decoder.vocoder.head."),
)
"""Official name -> ours, for everything but the two encoders, whose names depend on the stage."""

DECODER_LAYER = (
    ("self_attn.q_proj.", "attention.query."),
    ("self_attn.k_proj.", "attention.key."),
    ("self_attn.v_proj.", "attention.value."),
    ("self_attn.out_proj.", "attention.output."),
    ("self_attn_layer_norm.", "attention_norm."),
    ("final_layer_norm.", "feed_forward_norm."),
    ("fc1.", "feed_forward.0."),
    ("fc2.", "feed_forward.2."),
)
"""Inside the layers of the acoustic decoder and the vocoder."""

TEACHER, STUDENT = "feature_extractor.model.", "feature_extractor.rep_model."
MODEL_PREFIXES = ("feature_extractor.", "backbone.")
"""Everything else in a checkpoint is discriminators, metric networks and the trainer's state."""

UNUSED = re.compile(r"masked_spec_embed$|\.istft\.window$")
"""Of the model, but without effect on any output: SpecAugment's embedding (never applied), a constant window."""


def our_name(key: str, stage: int) -> str | None:
    """Our name of an official tensor; None when it has no place in our model."""
    if UNUSED.search(key):
        return None
    key = key.replace("conv.weight_g", "conv.parametrizations.weight.original0")
    key = key.replace("conv.weight_v", "conv.parametrizations.weight.original1")
    if key.startswith(STUDENT):
        return "encoder." + key.removeprefix(STUDENT)
    if key.startswith(TEACHER):
        return ("teacher." if stage == 2 else "encoder.") + key.removeprefix(TEACHER)
    for official, ours in PREFIXES:
        if key.startswith(official):
            name = ours + key.removeprefix(official)
            if ".layers." in official:
                for part, replacement in DECODER_LAYER:
                    name = name.replace(part, replacement)
            return name
    return None
