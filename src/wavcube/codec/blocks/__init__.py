"""What the encoder, the bottleneck and the decoder share: attention, grouped convolutions, masks, types of numbers."""
