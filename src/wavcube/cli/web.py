"""`wavcube app`: the web demo."""

from typing import Annotated

import typer

from wavcube.cli import options


def app(
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Port to listen on; by default the first free from 7860.")
    ] = None,
    share: Annotated[
        bool, typer.Option("--share", help="Make the page public for a week, through Gradio's servers.")
    ] = False,
    model: options.Model = None,
    device: options.DeviceOption = options.Device.auto,
) -> None:
    """A page in the browser that shows everything: reconstruct, speak, clean up, convert a voice, compare."""
    from wavcube.integrations.app import serve
    from wavcube.integrations.app.models import Models

    serve(Models(model, options.torch_device(device)), port=port, share=share)
