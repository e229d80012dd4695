"""OME-Zarr: axes, levels, shards, and how one is written."""
