"""The page itself: tabs, what they ask for, and what they call."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wavcube.audio.io import as_pcm16
from wavcube.evaluation.metric import Recording
from wavcube.evaluation.report.player import SCRIPT
from wavcube.evaluation.report.player import STYLE as PLAYER_STYLE
from wavcube.integrations.app import examples, tools
from wavcube.integrations.app.answers import answered, gr
from wavcube.integrations.app.compare import compare
from wavcube.integrations.app.models import Models
from wavcube.integrations.app.reconstruct import reconstruct
from wavcube.integrations.app.speak import CONSENT, FEW_STEPS, LONGEST_TEXT, STEPS, speak
from wavcube.integrations.app.uploads import LARGEST_MB, LONGEST_S, Uploads, read_upload

STYLE = Path(__file__).with_name("page.css")

ONE_AT_A_TIME: dict[str, Any] = {"concurrency_id": "models", "concurrency_limit": 1, "api_visibility": "private"}
"""Of events that compute, whatever the tab."""

SILENTLY: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}

KEPT_S = (300, 3600)
"""Files are looked through so often, and go when they are so old, in case a closed page was not noticed."""

THEME = gr.themes.Default(primary_hue="cyan", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
"""With the fonts of the visitor's system: nothing is fetched."""

INTRODUCTION = f"""# wavcube
Speech as one compact continuous latent: 128 numbers, 50 times a second. Recordings of up to {LONGEST_S:.0f} s and
{LARGEST_MB} MB; they are deleted when this page is closed."""


class Page:
    """Builds the page around models.

    Args:
        models: that it works with.
    """

    def __init__(self, models: Models) -> None:
        self.models, self.uploads = models, Uploads()

    def build(self) -> gr.Blocks:
        """The page, to be launched with `head()` and `THEME`."""
        with gr.Blocks(title="wavcube", analytics_enabled=False, delete_cache=KEPT_S) as page:
            gr.Markdown(INTRODUCTION)
            with gr.Tabs():
                self._reconstruct()
                self._speak()
                self._clean()
                self._separate()
                self._convert()
                self._compare()
            page.unload(self._forget)
        return page

    def _reconstruct(self) -> None:
        @answered
        def run(path: str | None, progress: gr.Progress = gr.Progress()) -> str:
            return reconstruct(read_upload(path), self.models, progress)

        with tab("Reconstruct", "Encode a recording, and decode its latent again.") as result:
            recording = self._audio("Recording", examples.clip)
            gr.Button("Encode and decode", variant="primary").click(run, recording, result, **ONE_AT_A_TIME)

    def _speak(self) -> None:
        @answered
        def run(
            text: str, path: str | None, speed: float, seed: float, steps: str, guidance: float,
            progress: gr.Progress = gr.Progress(),
        ) -> str:  # fmt: skip
            return speak(text, read_upload(path, "voice"), speed, seed, steps, guidance, self.models, progress)

        with tab("Speak", f"Speak an English text in the voice of a recording. **{CONSENT}**") as result:
            text = gr.Textbox("A peaceful night is all I ask for.", label="Text", lines=3, max_length=LONGEST_TEXT)
            prompt = self._audio("Voice, best 3 to 10 s", examples.clip)
            button = gr.Button("Speak", variant="primary")
            with gr.Accordion("Settings", open=False):
                steps = gr.Radio(list(STEPS), value=FEW_STEPS, label="Steps from noise to speech")
                speed = gr.Slider(0.5, 2, 1, step=0.05, label="Speed, relative to the voice's")
                guidance = gr.Slider(0, 5, 2, step=0.1, label="Guidance (not of the distilled form)")
                seed = gr.Number(0, label="Seed: another one speaks it another way", precision=0, minimum=0)
            button.click(run, [text, prompt, speed, seed, steps, guidance], result, **ONE_AT_A_TIME)

    def _clean(self) -> None:
        @answered
        def run(path: str | None, output: Any, strength: float, progress: gr.Progress = gr.Progress()) -> str:
            return tools.clean(read_upload(path), output, strength, self.models, progress)

        with tab("Clean up", "Take noise and reverberation off speech.") as result:
            recording = self._audio("Noisy recording", examples.noisy)
            output = self._output()
            strength = gr.Slider(0, 1, 1, step=0.05, label="Strength")
            button = gr.Button("Clean up", variant="primary")
            button.click(run, [recording, output, strength], result, **ONE_AT_A_TIME)

    def _separate(self) -> None:
        @answered
        def run(path: str | None, output: Any, progress: gr.Progress = gr.Progress()) -> str:
            return tools.separate(read_upload(path), output, self.models, progress)

        with tab("Separate", "Two people speak at once: each of them alone.") as result:
            recording = self._audio("Recording of two talkers", examples.two_talkers)
            output = self._output()
            gr.Button("Separate", variant="primary").click(run, [recording, output], result, **ONE_AT_A_TIME)

    def _convert(self) -> None:
        @answered
        def run(source: str | None, target: str | None, match: float, progress: gr.Progress = gr.Progress()) -> str:
            voice = read_upload(target, "target voice")
            return tools.convert(read_upload(source), voice, match, self.models, progress)

        with tab("Convert a voice", f"The same words in another voice. **{tools.CONSENT}**") as result:
            source = self._audio("Who speaks", examples.clip)
            target = self._audio("Target voice, best 10 s or more", examples.lower_voice)
            button = gr.Button("Convert", variant="primary")
            with gr.Accordion("Settings", open=False):
                match = gr.Slider(0, 1, 0.5, step=0.05, label="Share of the target's own frames")
            button.click(run, [source, target, match], result, **ONE_AT_A_TIME)

    def _compare(self) -> None:
        @answered
        def run(paths: list[str] | None, progress: gr.Progress = gr.Progress()) -> str:
            return compare([read_upload(path) for path in paths or []], self.models, progress)

        @answered
        def example(progress: gr.Progress = gr.Progress()) -> str:
            made = [examples.clip(), examples.noisy(20), examples.noisy(5), examples.lower_voice()]
            return compare(made, self.models, progress)

        with tab("Compare", "How far recordings are from each other in the latent.") as result:
            files = gr.File(label="2 to 8 recordings", file_count="multiple", file_types=["audio"])
            files.change(self._hold, files, **SILENTLY)
            gr.Button("Compare", variant="primary").click(run, files, result, **ONE_AT_A_TIME)
            take = gr.Button("Compare the example with noisy and lower copies", size="sm")
            take.click(example, None, result, **ONE_AT_A_TIME)

    def _audio(self, label: str, example: Callable[[], Recording]) -> gr.Audio:
        """An upload or microphone, with a button that fills in the example."""

        def fill() -> tuple[int, Any]:
            made = example()
            return made.sample_rate, as_pcm16(made.waveform)

        audio = gr.Audio(label=label, type="filepath", editable=False, buttons=["download"])
        audio.change(self._hold, audio, **SILENTLY)
        gr.Button("Take the example", size="sm").click(fill, None, audio, **SILENTLY)
        return audio

    @staticmethod
    def _output() -> gr.Radio:
        label = "Result: the recording masked (with gains on its spectrum), or decoded anew"
        return gr.Radio(list(tools.OUTPUTS), value=tools.OUTPUTS[0], label=label)

    def _hold(self, paths: str | list[str] | None, request: gr.Request) -> None:
        given = paths if isinstance(paths, list) else [paths] if paths else []
        self.uploads.hold(str(request.session_hash), *given)

    def _forget(self, request: gr.Request) -> None:
        self.uploads.delete(str(request.session_hash))


@contextmanager
def tab(name: str, about: str) -> Iterator[gr.HTML]:
    """A tab: what it asks for, made inside, on the left or above; its result beside that or below."""
    result = gr.HTML(apply_default_css=False, render=False)
    with gr.Tab(name), gr.Row():
        with gr.Column(scale=2, min_width=320):
            gr.Markdown(about)
            yield result
        with gr.Column(scale=5, min_width=320):
            result.render()


def head() -> str:
    """Style and script of results; the style is nested, so that it does not reach other parts of the page."""
    players, own = PLAYER_STYLE.read_text(encoding="utf-8"), STYLE.read_text(encoding="utf-8")
    return f"<style>.wavcube {{\n{players}}}\n{own}</style><script>{SCRIPT.read_text(encoding='utf-8')}</script>"
