"""Porosities of a volume: of its map, corrected, with an interval, by seed and by member."""
