"""Training on mixtures that are made on the fly: settings, frames of a pool, batches, validation, runs."""
