"""From what a tab computes to what the page shows: its HTML, or the library's sentence."""

import warnings
from collections.abc import Callable
from functools import wraps
from html import escape
from typing import Any

from wavcube.errors import MissingDependencyError, WavCubeError, WavCubeWarning

try:
    import gradio as gr
except ModuleNotFoundError as error:
    raise MissingDependencyError(f'the page needs {error.name}: pip install "wavcube[demo]"') from error


def answered(compute: Callable[..., str]) -> Callable[..., str]:
    """The handler of an event: errors and warnings of the library become messages of the page, in the same words."""

    @wraps(compute)
    def handler(*given: Any) -> str:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always", WavCubeWarning)
            try:
                content = compute(*given)
            except WavCubeError as error:
                raise gr.Error(escape(str(error)), print_exception=False) from None
        for one in found:
            if issubclass(one.category, WavCubeWarning):
                gr.Warning(escape(str(one.message)))
        return f"<div class='wavcube'>{content}</div>"

    return handler
