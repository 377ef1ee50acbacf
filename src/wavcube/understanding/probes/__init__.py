"""Linear probes of frozen frames: characters and speakers."""
