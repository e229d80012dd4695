"""From a finished segmentation to the numbers of its structure: what is read, measured, written."""
