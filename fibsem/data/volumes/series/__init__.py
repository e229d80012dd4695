"""Which files of a folder are the slices of one film, in which order."""
