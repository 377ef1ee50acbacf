"""Voice conversion: what a source says, in the voice of a target's recordings.

    from wavcube.generation.conversion import VoiceConverter
    converter = VoiceConverter.from_pretrained()
    voice = converter.voice(["target-1.wav", "target-2.wav"])
    converted = converter.convert("source.wav", voice)

In the order the data flows: speech_frames (what is encoded), voice (of the target), matching, pipeline (recordings in
and out, without training); timed_text and flow_converter (the same by text to speech); evaluation. Converting to a
voice needs the consent of the person whose voice it is.
"""

from wavcube.generation.conversion.flow_converter import FlowVoice, FlowVoiceConverter
from wavcube.generation.conversion.pipeline import VoiceConverter
from wavcube.generation.conversion.voice import TargetVoice

__all__ = ["FlowVoice", "FlowVoiceConverter", "TargetVoice", "VoiceConverter"]
