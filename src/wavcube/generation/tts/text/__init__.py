"""Text -> symbols: sentence splitting, phonemes, vocabulary."""
