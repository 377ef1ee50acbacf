"""The field's speaker verifier: an ECAPA-TDNN on a weighted sum of WavLM-Large's layers, fine-tuned together.

Published with UniSpeech as `wavlm_large_finetune.pth`; zero-shot text to speech and codecs quote their SIM with it. The
network is Desplanques et al., Interspeech 2020, at width 512, on WavLM (Chen et al., IEEE JSTSP 2022), which here is
transformers' own.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavcube.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import WavLMConfig

WIDTH, POOLED_WIDTH, EMBEDDING, BOTTLENECK, SCALE = 512, 1536, 256, 128, 8


class WavLMVerifier(nn.Module):
    """Waveform `[B, S]` at 16 kHz, all of one length -> embedding `[B, 256]`."""

    def __init__(self, wavlm: "WavLMConfig") -> None:
        super().__init__()
        from transformers import WavLMModel

        self.wavlm = WavLMModel(wavlm)
        self.layer_weight = nn.Parameter(torch.zeros(wavlm.num_hidden_layers + 1))
        self.entry = ConvReLUNorm(wavlm.hidden_size, WIDTH, kernel=5)
        self.blocks = nn.ModuleList(Res2Block(dilation) for dilation in (2, 3, 4))
        self.joined = nn.Conv1d(3 * WIDTH, POOLED_WIDTH, 1)
        self.pooling = AttentiveStatistics()
        self.norm = nn.BatchNorm1d(2 * POOLED_WIDTH)
        self.embedding = nn.Linear(2 * POOLED_WIDTH, EMBEDDING)

    def forward(self, waveform: Tensor) -> Tensor:
        waveform = F.layer_norm(waveform, waveform.shape[-1:])
        layers = torch.stack(self.wavlm(waveform, output_hidden_states=True).hidden_states)
        features = torch.einsum("l,lbtc->bct", self.layer_weight.softmax(0), layers)
        hidden = self.entry(F.instance_norm(features + 1e-6))
        outputs = []
        for block in self.blocks:
            hidden = block(hidden)
            outputs.append(hidden)
        hidden = F.relu(self.joined(torch.cat(outputs, dim=1)))
        return self.embedding(self.norm(self.pooling(hidden)))


class ConvReLUNorm(nn.Module):
    """Convolution that keeps the length, ReLU, batch norm: `[B, C, T]` -> `[B, C', T]`."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(
            channels_in, channels_out, kernel, padding=dilation * (kernel - 1) // 2, dilation=dilation
        )
        self.norm = nn.BatchNorm1d(channels_out)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.norm(F.relu(self.conv(hidden)))


class Res2Block(nn.Module):
    """Squeeze-excitation Res2Net block, `[B, 512, T]` -> `[B, 512, T]`."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.before = ConvReLUNorm(WIDTH, WIDTH)
        width = WIDTH // SCALE
        self.groups = nn.ModuleList(ConvReLUNorm(width, width, 3, dilation) for _ in range(SCALE - 1))
        self.after = ConvReLUNorm(WIDTH, WIDTH)
        self.squeeze = nn.Linear(WIDTH, BOTTLENECK)
        self.excite = nn.Linear(BOTTLENECK, WIDTH)

    def forward(self, hidden: Tensor) -> Tensor:
        first, *parts, last = self.before(hidden).chunk(SCALE, dim=1)
        outputs = [self.groups[0](first)]
        for group, part in zip(self.groups[1:], parts, strict=True):
            outputs.append(group(outputs[-1] + part))
        combined = self.after(torch.cat([*outputs, last], dim=1))
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(combined.mean(dim=2)))))
        return hidden + combined * gate[:, :, None]


class AttentiveStatistics(nn.Module):
    """Mean and standard deviation over time with learned weights, `[B, 1536, T]` -> `[B, 3072]`."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv1d(POOLED_WIDTH, BOTTLENECK, 1)
        self.outer = nn.Conv1d(BOTTLENECK, POOLED_WIDTH, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        weight = self.outer(torch.tanh(self.inner(hidden))).softmax(dim=2)
        mean = (weight * hidden).sum(dim=2)
        variance = (weight * hidden.square()).sum(dim=2) - mean.square()
        return torch.cat([mean, variance.clamp_min(1e-9).sqrt()], dim=1)


# The checkpoint's names (left) and ours; applied in this order, each wherever it matches.
_RENAMED = (
    (r"^feature_extract\.model\.", "wavlm."),
    (r"^wavlm\.mask_emb$", "wavlm.masked_spec_embed"),
    (r"^wavlm\.post_extract_proj\.", "wavlm.feature_projection.projection."),
    (r"^wavlm\.layer_norm\.", "wavlm.feature_projection.layer_norm."),
    (r"(conv_layers\.\d+)\.0\.", r"\1.conv."),
    (r"(conv_layers\.\d+)\.2\.1\.", r"\1.layer_norm."),
    (r"\.pos_conv\.0\.weight_g$", ".pos_conv_embed.conv.parametrizations.weight.original0"),
    (r"\.pos_conv\.0\.weight_v$", ".pos_conv_embed.conv.parametrizations.weight.original1"),
    (r"\.pos_conv\.0\.", ".pos_conv_embed.conv."),
    (r"\.self_attn_layer_norm\.", ".layer_norm."),
    (r"\.self_attn\.", ".attention."),
    (r"\.grep_linear\.", ".gru_rel_pos_linear."),
    (r"\.grep_a$", ".gru_rel_pos_const"),
    (r"\.relative_attention_bias\.", ".rel_attn_embed."),
    (r"\.fc1\.", ".feed_forward.intermediate_dense."),
    (r"\.fc2\.", ".feed_forward.output_dense."),
    (r"^feature_weight$", "layer_weight"),
    (r"^layer1\.", "entry."),
    (r"^layer2\.", "blocks.0."),
    (r"^layer3\.", "blocks.1."),
    (r"^layer4\.", "blocks.2."),
    (r"\.Conv1dReluBn1\.", ".before."),
    (r"\.Conv1dReluBn2\.", ".after."),
    (r"\.Res2Conv1dReluBn\.convs\.(\d+)\.", r".groups.\1.conv."),
    (r"\.Res2Conv1dReluBn\.bns\.(\d+)\.", r".groups.\1.norm."),
    (r"\.SE_Connect\.linear1\.", ".squeeze."),
    (r"\.SE_Connect\.linear2\.", ".excite."),
    (r"^(entry|blocks\..*)\.bn\.", r"\1.norm."),
    (r"^conv\.", "joined."),
    (r"^pooling\.linear1\.", "pooling.inner."),
    (r"^pooling\.linear2\.", "pooling.outer."),
    (r"^bn\.", "norm."),
    (r"^linear\.", "embedding."),
)


def load_verifier(path: str | Path, wavlm: "WavLMConfig | None" = None) -> WavLMVerifier:
    """Build the verifier from its published checkpoint; `wavlm` is WavLM-Large's configuration unless given.

    Raises:
        CheckpointError: the file is missing, is no checkpoint, or its weights are not exactly this network's.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; it should be a copy of wavlm_large_finetune.pth")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        stored = dict(stored.get("model", stored))
    except Exception as error:  # unpickling raises whatever the bytes happen to say
        raise CheckpointError(f"{path}: is not a PyTorch checkpoint of plain tensors") from error
    # The head of the training loss is not part of the verifier.
    weights = {_rename(name): value for name, value in stored.items() if not name.startswith("loss_calculator.")}
    verifier = WavLMVerifier(wavlm or _wavlm_large())
    try:
        verifier.load_state_dict(weights)
    except (RuntimeError, TypeError) as error:
        expected = set(verifier.state_dict())
        missing, extra = sorted(expected - set(weights)), sorted(set(weights) - expected)
        raise CheckpointError(
            f"{path}: is not the WavLM-Large + ECAPA-TDNN verifier: {len(missing)} weights are missing "
            f"({', '.join(missing[:2])}), {len(extra)} unknown ({', '.join(extra[:2])}), or their shapes differ"
        ) from error
    return verifier


def _rename(name: str) -> str:
    for pattern, ours in _RENAMED:
        name = re.sub(pattern, ours, name)
    return name


def _wavlm_large() -> "WavLMConfig":
    from transformers import WavLMConfig

    return WavLMConfig(
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
    )
