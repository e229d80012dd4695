"""What may be swept: read from YAML, checked, restricted to what is legal, drawn."""
