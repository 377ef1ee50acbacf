"""The values of one recording as the bytes of an `.npy` file, in the type that they are stored in, and back.

float32 and float16 are plain arrays [T, C]. NumPy has no bfloat16: its bits are an array of `V2`, with which no library
computes by mistake. int8 has a scale for each channel, the second array of the file, as `numpy.save` allows.
"""

import io
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from wavcube.errors import LatentsError

StoredType = Literal["float32", "float16", "bfloat16", "int8"]

_BITS_OF_BFLOAT16 = np.dtype("V2")
_LARGEST_INT8 = 127


def pack(values: np.ndarray, stored: StoredType) -> tuple[bytes, float]:
    """Values [T, C], float32, as the bytes of an `.npy` file, and the squared error of storing them, summed.

    Raises:
        LatentsError: float16 cannot hold them.
    """
    memory = io.BytesIO()
    if stored == "int8":
        scale = np.abs(values).max(axis=0, initial=0.0) / np.float32(_LARGEST_INT8)
        scale = np.where(scale > 0, scale, 1).astype(np.float32)
        narrow = np.rint(values / scale).astype(np.int8)
        np.save(memory, narrow)
        np.save(memory, scale)
        kept = narrow * scale
    elif stored == "bfloat16":
        short = torch.from_numpy(np.ascontiguousarray(values)).to(torch.bfloat16)
        np.save(memory, short.view(torch.int16).numpy().view(_BITS_OF_BFLOAT16))
        kept = short.float().numpy()
    else:
        with np.errstate(over="ignore"):
            narrow = values.astype(stored)
        if not np.isfinite(narrow).all():
            raise LatentsError(f"{stored} cannot hold these latents; store them as bfloat16 or float32")
        np.save(memory, narrow)
        kept = narrow.astype(np.float32)
    error = (kept - values).ravel()
    return memory.getvalue(), float(np.dot(error, error))


def unpack(content: bytes) -> Tensor:
    """Values [T, C] of the bytes of an `.npy` file that `pack` wrote: in their own type, those of int8 in float32.

    Raises:
        LatentsError: the bytes are something else.
    """
    memory = io.BytesIO(content)
    try:
        array = np.load(memory)
        if array.ndim != 2:
            raise ValueError(f"an array of {array.ndim} dimensions")
        if array.dtype == _BITS_OF_BFLOAT16:
            return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
        if array.dtype == np.int8:
            return torch.from_numpy(array * np.load(memory)[None])
        return torch.from_numpy(array)
    except (ValueError, EOFError, OSError, TypeError) as error:
        raise LatentsError(f"no stored latents ({error})") from error
