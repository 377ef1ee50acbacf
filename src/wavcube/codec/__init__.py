"""The representation: waveform -> features -> latent -> waveform.

Read in the order of the data: config, inputs, encoder (of blocks/), bottleneck, decoder; then chunking,
padded_batch, preparable (names of weights), networks (all of them, tensors in and out), checkpoint/, inference/, and
model, the door that users come through.
"""

from wavcube.codec.bottleneck import Bottleneck, SemanticCompressor, SemanticRestorer
from wavcube.codec.chunking import Chunking
from wavcube.codec.config import (
    BottleneckConfig,
    DecoderConfig,
    EncoderConfig,
    VocoderConfig,
    WavCubeConfig,
)
from wavcube.codec.decoder import AcousticDecoder
from wavcube.codec.encoder import SpeechEncoder
from wavcube.codec.model import WavCube

__all__ = [
    "AcousticDecoder",
    "Bottleneck",
    "BottleneckConfig",
    "Chunking",
    "DecoderConfig",
    "EncoderConfig",
    "SemanticCompressor",
    "SemanticRestorer",
    "SpeechEncoder",
    "VocoderConfig",
    "WavCube",
    "WavCubeConfig",
]
