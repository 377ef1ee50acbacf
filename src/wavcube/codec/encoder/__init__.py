"""The speech encoder, of every family: waveform [B, S] at 16 kHz -> features [B, T, H] at 50 Hz.

`speech_encoder` puts the parts together: what is made of the waveform (`feature_encoder`, `whisper`, `w2v_bert`), the
layers (`transformer`, of `layers` or `conformer`, with `positions`), and features of several of them (`feature_mix`).
"""

from wavcube.codec.encoder.conformer import ConformerConvolution, ConformerLayer, RelativeKeyAttention
from wavcube.codec.encoder.feature_encoder import ConvFeatureEncoder, ConvLayer, normalize_waveform
from wavcube.codec.encoder.feed_forward import FeedForward
from wavcube.codec.encoder.layers import EncoderLayer, LayerStack
from wavcube.codec.encoder.positions import PositionConvolution, PositionConvolutionStack
from wavcube.codec.encoder.speech_encoder import SpeechEncoder
from wavcube.codec.encoder.w2v_bert import MelPairs

__all__ = [
    "ConformerConvolution",
    "ConformerLayer",
    "ConvFeatureEncoder",
    "ConvLayer",
    "EncoderLayer",
    "FeedForward",
    "LayerStack",
    "MelPairs",
    "PositionConvolution",
    "PositionConvolutionStack",
    "RelativeKeyAttention",
    "SpeechEncoder",
    "normalize_waveform",
]
