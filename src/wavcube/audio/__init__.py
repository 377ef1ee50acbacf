"""Sound in and out: files and arrays -> mono float32 at the model's rate, and back."""

from wavcube.audio.io import AUDIO_SUFFIXES, as_mono, as_pcm16, audio_info, find_audio, load_audio, save_audio

__all__ = ["AUDIO_SUFFIXES", "as_mono", "as_pcm16", "audio_info", "find_audio", "load_audio", "save_audio"]
