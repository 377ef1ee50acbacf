"""The tab Speak: a text in the voice of a prompt."""

from wavcube.errors import ConfigError
from wavcube.evaluation.metric import Recording
from wavcube.evaluation.report.page import definitions
from wavcube.integrations.app.listening import Progress, listen
from wavcube.integrations.app.models import Models

CONSENT = "Cloning a voice needs its owner's consent."
LONGEST_TEXT = 600
"""Characters: about 40 s of speech."""

FEW_STEPS = "4, distilled"
STEPS = (FEW_STEPS, "16", "32")


def speak(
    text: str,
    prompt: Recording,
    speed: float,
    seed: float,
    steps: str,
    guidance: float,
    models: Models,
    progress: Progress,
) -> str:
    """HTML of a text as it is spoken.

    Args:
        text: of up to 600 characters.
        prompt: the voice.
        speed: relative to the model's own rate.
        seed: a whole number from 0.
        steps: one of `STEPS`.
        guidance: strength; without meaning for the distilled form.
        models: behind the page.
        progress: see `Progress`.

    Raises:
        TextError: nothing of the text can be spoken.
        AudioError: a prompt that cannot be used.
        ConfigError: too long a text, or settings that are impossible.
    """
    from wavcube.generation.flow.solver import SolverSettings

    if len(text) > LONGEST_TEXT:
        raise ConfigError(f"the text has {len(text)} characters; this page takes up to {LONGEST_TEXT}")
    if steps not in STEPS or not 0.5 <= speed <= 2:
        raise ConfigError(f"steps are one of {', '.join(STEPS)}, and the speed lies from 0.5 to 2")
    if seed is None or seed < 0 or seed != int(seed):
        raise ConfigError(f"the seed is a whole number from 0, not {seed}")
    few = steps == FEW_STEPS
    solver = SolverSettings(few_steps=True) if few else SolverSettings(int(steps), guidance=guidance)
    progress(0.05, desc="loading the model")
    speaker = models.speaker
    speaker.prepare(text)
    progress(0.2, desc="reading the prompt")
    voice = speaker.voice(prompt.waveform, sample_rate=prompt.sample_rate)

    def spoken_of(done: int, total: int) -> None:
        progress(0.3 + 0.65 * done / total, desc="speaking")

    spoken_of(0, 1)
    speech = speaker.speak(
        text,
        voice,
        speed=speed,
        seed=int(seed),
        solver=solver,
        progress=spoken_of,
    )
    spoken = Recording(speech.waveform, speech.sample_rate, "spoken")
    return listen({"spoken": spoken}) + definitions({"said": speech.spoken, "duration": f"{speech.seconds:.1f} s"})
