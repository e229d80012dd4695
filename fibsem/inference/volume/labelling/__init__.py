"""Slabs are labelled: here, in processes of this machine, or on a cluster."""
