"""A whole volume: what is checked and decided first, then slab by slab, resumable."""
