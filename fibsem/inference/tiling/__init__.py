"""How a slice is cut into tiles, and which size is the fastest on this machine."""
