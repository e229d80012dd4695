"""What of a film is material."""
