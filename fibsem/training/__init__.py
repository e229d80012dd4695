"""One training: what it learns from, batches, losses, the fit, and its scores."""
