"""Voice conversion's own parts: target spectrum and sound, decoder, distortion, acceptance."""
