"""Metrics, intervals, post-processing and figures: arrays in, plain records out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
