"""Reverberation by a room's impulse response, in time with the dry speech."""

import numpy as np

from wavcube.errors import AudioError


def in_room(speech: np.ndarray, response: np.ndarray, name: str = "the room") -> np.ndarray:
    """Speech [S] as it sounds in a room, float32, of the same length.

    The direct sound, the largest sample of the response [N], keeps the place and the level of the dry speech, so that
    both can be compared frame by frame.

    Raises:
        AudioError: the response is silent.
    """
    direct = int(np.abs(response).argmax())
    level = float(response[direct])
    if level == 0.0:
        raise AudioError(f"{name}: is silent, no impulse response of a room")
    size = len(speech) + len(response) - 1
    wet = np.fft.irfft(np.fft.rfft(speech, size) * np.fft.rfft(response / level, size), size)
    return wet[direct : direct + len(speech)].astype(np.float32)
