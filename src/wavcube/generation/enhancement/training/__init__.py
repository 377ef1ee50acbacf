"""Training of enhancement: recipes, mixtures with their frames, objective, validation, run."""
