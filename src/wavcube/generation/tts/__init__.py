"""Zero-shot text to speech by flow matching on any representation.

    from wavcube.generation.tts import TextToSpeech
    speaker = TextToSpeech.from_pretrained("runs/tts/model")
    speech = speaker.speak("Any text.", prompt="voice.wav", prompt_text="What the voice says.")
    speech.save("out.wav")

Cloning a voice needs the consent of the person whose voice it is.

In the order the data flows: text/ (writing -> words -> tokens), text_embedding, model (the network, on
generation/flow/); prompt, durations/, pieces, loudness, joining, pipeline (making speech); training/; evaluation/.
"""

from wavcube.generation.flow.solver import SolverSettings
from wavcube.generation.tts.model import FlowMatchingTTS
from wavcube.generation.tts.pipeline import Speech, TextToSpeech
from wavcube.generation.tts.prompt import Voice
from wavcube.generation.tts.text.frontend import TextError

__all__ = ["FlowMatchingTTS", "SolverSettings", "Speech", "TextError", "TextToSpeech", "Voice"]
