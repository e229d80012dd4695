"""Porosity of a volume: by its labels, corrected with an interval, by seed and by member."""
