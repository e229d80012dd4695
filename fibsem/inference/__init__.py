"""From a trained network to probabilities and labels of blocks and whole volumes."""
