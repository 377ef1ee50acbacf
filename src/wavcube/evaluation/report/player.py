"""Players as HTML: a spectrogram over its sound, and several recordings that are switched at the same position."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import soundfile

from wavcube.evaluation.metric import Recording
from wavcube.evaluation.report.pictures import RANGE_DB, spectrogram_image
from wavcube.evaluation.report.plot import Axis, plot

STYLE = Path(__file__).with_name("player.css")
SCRIPT = Path(__file__).with_name("player.js")
"""What a page needs once, whatever the number of players in it."""

SCALE = f"<p class='scale'>Level, from the loudest on: -{RANGE_DB:.0f} dB <i></i> 0 dB</p>"
"""The meaning of the colours, once for each group of spectrograms."""


@dataclass(frozen=True)
class Playable:
    """A recording ready for a page: data URLs of sound and picture, its duration, and the picture's top in kHz."""

    sound: str
    picture: str
    seconds: float
    top_khz: float


def playable(recording: Recording, loudest: float) -> Playable:
    """Sound and spectrogram of a recording; `loudest` see `spectrogram_image`."""
    picture = data_url("image/webp", spectrogram_image(recording, loudest))
    return Playable(data_url("audio/flac", flac(recording)), picture, recording.seconds, recording.sample_rate / 2000)


def single_player(heading: str, clip: Playable) -> str:
    """A spectrogram over the player of its sound."""
    return (
        f"<figure class='clip'><figcaption>{escape(heading)}</figcaption>{_spectrogram(heading, clip)}"
        f"<audio controls preload='metadata' src='{clip.sound}'></audio></figure>"
    )


def switched_player(clips: Mapping[str, Playable], *, save: bool = False) -> str:
    """Recordings side by side, one of which is heard; a click on another goes on there at the same position.

    Args:
        clips: heading -> recording; made of each other, so that equal positions are the same moment.
        save: with buttons that save the sounds as files.
    """
    figures, choices, savers = [], [], []
    for number, (heading, clip) in enumerate(clips.items()):
        on, pressed = (" on", "true") if number == 0 else ("", "false")
        name = escape(heading)
        figures.append(
            f"<figure class='clip{on}'><figcaption>{name}</figcaption>{_spectrogram(heading, clip)}"
            f"<audio preload='none' src='{clip.sound}'></audio></figure>"
        )
        choices.append(f"<button type='button' data-clip='{number}' aria-pressed='{pressed}'>{name}</button>")
        savers.append(f"<button type='button' data-save='{number}'>{name}</button>")
    seconds = max(clip.seconds for clip in clips.values())
    choice = "".join(choices) if len(choices) > 1 else ""
    saved = f"<p class='save'>Save as FLAC: {' '.join(savers)}</p>" if save else ""
    return (
        f"<div class='player' data-seconds='{seconds:.3f}'><div class='pair'>{''.join(figures)}</div>"
        f"<div class='controls'><button type='button' data-play aria-label='play or pause'>▶</button>"
        f"<span class='choice' role='group' aria-label='which recording is heard'>{choice}</span>"
        f"<input type='range' min='0' max='{seconds:.3f}' step='0.01' value='0' aria-label='position in s'>"
        f"<output>0.0 / {seconds:.1f} s</output></div>{saved}</div>"
    )


def _spectrogram(heading: str, clip: Playable) -> str:
    axes = Axis(clip.seconds, "s"), Axis(clip.top_khz, "kHz")
    return plot(clip.picture, f"spectrogram of the {heading}", *axes)


def flac(recording: Recording) -> bytes:
    """Lossless: a lossy player would add its own coding artefacts."""
    stream = io.BytesIO()
    soundfile.write(stream, recording.waveform, recording.sample_rate, "PCM_16", format="FLAC", compression_level=1.0)
    return stream.getvalue()


def data_url(kind: str, content: bytes) -> str:
    """Content inside the page itself; `kind` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
