"""Training of separation: settings, frames of two talkers, objective, runs."""
