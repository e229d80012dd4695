"""Measurement of the pore structure of a finished segmentation: reading, measuring, writing."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
