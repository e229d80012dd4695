"""Volumes, datasets, the phantom, and how pixels are drawn from them."""
