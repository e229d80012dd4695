"""Ledger and outputs of a segmentation: its key, its decisions, and its finished slabs."""
