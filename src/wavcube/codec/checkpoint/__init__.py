"""Checkpoints of the codec: folders with config.json and safetensors, and the conversion of official ones."""
