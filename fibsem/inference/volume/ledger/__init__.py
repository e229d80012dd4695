"""The ledger of a segmentation: what it follows from, and what is done; and its outputs."""
