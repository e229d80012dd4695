"""MLflow: runs, bundles, registered models and their history; only this package uses MLflow."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
