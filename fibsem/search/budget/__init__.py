"""Number and length of the trials that fill a time budget."""
