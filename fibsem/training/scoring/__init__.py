"""Scores of a trained model on labelled squares, and the figures that follow from them."""
