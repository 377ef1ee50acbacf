"""Text to speech and speech tools."""
