"""One configuration with several seeds, and the comparison of configurations."""
