"""Apply trained models: probabilities and labels of blocks and of whole volumes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
