"""From finished trials to the champion: ranking, final training, examination, release."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
