"""Reports on a dataset: tables, figures, HTML pages, and lineages of results."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
