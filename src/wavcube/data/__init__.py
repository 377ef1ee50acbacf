"""Speech data on disk: clips, manifests, text normalizers, corpus preparation, and batches for training."""
