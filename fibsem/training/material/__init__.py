"""What a training learns from: its dataset, windows, weights and batches."""
