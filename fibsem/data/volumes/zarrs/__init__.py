"""Read and write OME-Zarr: axes, levels, shards, and the writer."""
