"""Checks and warnings before a volume is labelled."""
