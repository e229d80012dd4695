"""Locks by files that are touched, and lock files that all users of a machine share."""
