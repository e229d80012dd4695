"""A network while it learns: steps, optimisers, losses, checkpoints, health."""
