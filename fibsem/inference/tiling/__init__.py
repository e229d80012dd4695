"""Cut slices into tiles, and measure the fastest tile size on this machine."""
