"""Commands that run the codec on recordings and latents."""
