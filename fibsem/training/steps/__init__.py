"""Training steps: the fit, optimisers, losses, checkpoints and health checks."""
