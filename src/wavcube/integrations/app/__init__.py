"""The web demo, `wavcube app`: one page with a tab for each ability, on Gradio (`wavcube[demo]`).

Read in this order: page, serve; reconstruct, speak, tools, compare (a tab each: recordings in, HTML out); uploads.
"""

from wavcube.integrations.app.serve import serve

__all__ = ["serve"]
