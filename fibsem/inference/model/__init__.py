"""Evaluate trained models on a block, by patches or densely; their cost and memory."""
