"""Scores of a trained model on labelled squares, and metrics computed from them."""
