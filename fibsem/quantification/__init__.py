"""From a finished segmentation to the numbers of its structure: what is read, measured, written."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
