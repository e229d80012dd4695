"""Read and write TIFF: slices in folders and archives, stacks in one file, and their tags."""
