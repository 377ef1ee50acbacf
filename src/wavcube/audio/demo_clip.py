"""The packaged recording that demonstrations work on: 5.05 s of LibriSpeech, CC BY 4.0 (assets/LICENCES.md)."""

from pathlib import Path

DEMO_CLIP = Path(__file__).parent / "assets" / "demo.flac"
