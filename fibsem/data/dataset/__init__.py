"""Datasets: manifests, region tables, masks, splits, and digests of the data."""
