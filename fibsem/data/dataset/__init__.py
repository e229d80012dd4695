"""Samples that belong together: manifests, tables, masks, parts, and their identity."""
