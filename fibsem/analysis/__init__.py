"""Metrics, intervals, post-processing and figures: arrays in, plain records out."""
