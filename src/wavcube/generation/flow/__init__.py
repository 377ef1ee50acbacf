"""Flow matching on frames of any feature extractor: transformer, objective, ODE solver, feature codec."""
