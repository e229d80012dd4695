"""What is said, or refused, of a volume before it is labelled."""
