"""The representation: waveform -> features -> latent -> waveform.

Read in the order of the data: config, encoder (with attention, lengths), bottleneck, decoder, model, chunking,
checkpoint, convert.
"""

from wavcube.representation.bottleneck import Bottleneck, SemanticCompressor, SemanticRestorer
from wavcube.representation.chunking import Chunking
from wavcube.representation.config import (
    BottleneckConfig,
    DecoderConfig,
    EncoderConfig,
    VocoderConfig,
    WavCubeConfig,
)
from wavcube.representation.decoder import AcousticDecoder
from wavcube.representation.encoder import SpeechEncoder
from wavcube.representation.model import WavCube

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
