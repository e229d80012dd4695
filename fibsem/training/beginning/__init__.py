"""What a network begins with, or is taught by, before it has seen a label of its own."""
