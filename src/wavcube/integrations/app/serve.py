"""`serve`: the page on a port of this machine."""

import os
import signal
import sys
import tempfile

from wavcube.errors import WavCubeError
from wavcube.integrations.app.models import Models
from wavcube.integrations.app.uploads import LARGEST_MB

WAITING = 16
"""Requests in the queue; beyond, visitors are asked to come again."""


def serve(
    models: Models | None = None, *, host: str | None = "127.0.0.1", port: int | None = None, share: bool = False
) -> None:
    """Serve the page until it is interrupted. Uploaded files lie in a folder that is gone at the end.

    Args:
        models: behind the page; by default the packaged ones on the CPU.
        host: address to listen on; None for what $GRADIO_SERVER_NAME says, as on a Hugging Face Space.
        port: by default the first free one from 7860.
        share: make the page public for a week through Gradio's servers.

    Raises:
        MissingDependencyError: Gradio is not installed.
        WavCubeError: the port is taken.
    """
    # Gradio reads these when it is imported.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    with tempfile.TemporaryDirectory(prefix="wavcube-app-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        from wavcube.integrations.app.page import THEME, Page, head

        page = Page(models or Models()).build()
        page.queue(max_size=WAITING)
        try:
            _, address, public = page.launch(
                server_name=host,
                server_port=port,
                share=share,
                theme=THEME,
                head=head(),
                max_file_size=f"{LARGEST_MB}mb",
                footer_links=[],
                ssr_mode=False,
                quiet=True,
                prevent_thread_lock=True,
            )
        except OSError as error:
            taken = f"port {port} is taken" if port else "no port from 7860 on is free"
            raise WavCubeError(f"{taken}; choose another (--port)") from error
        print(f"{public or address}  (Ctrl-C ends it)", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the folder is deleted then, too
        page.block_thread()
