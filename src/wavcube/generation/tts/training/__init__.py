"""Training of text to speech: configuration, data, objective, loop, samples, model card."""
