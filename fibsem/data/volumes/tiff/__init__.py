"""TIFF: slices in folders and archives, films in one file, and what their tags say."""
