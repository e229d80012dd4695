"""Search spaces: read from YAML, checked, restricted to legal points, sampled."""
