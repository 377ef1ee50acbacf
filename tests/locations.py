"""Where the repository keeps what tests read."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
SPEECH = REPOSITORY / "tests/fixtures/speech"
GOLDEN = REPOSITORY / "tests/fixtures/golden"
