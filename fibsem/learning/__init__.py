"""Training, searching, tracking and promoting models."""
