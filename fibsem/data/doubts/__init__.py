"""Warnings about a dataset that should be checked before training."""
