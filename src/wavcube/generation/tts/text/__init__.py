"""Text -> tokens: sentence splitting, phonemes, vocabulary."""
