"""What a segmentation follows from, what of it is done, and what it leaves on disk."""
