"""Segment a whole volume: checks and decisions first, then slab by slab, resumable."""
