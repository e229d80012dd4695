"""Determine which files of a folder are the slices of one stack, and their order."""
