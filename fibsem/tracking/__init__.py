"""Runs, bundles and registered models in MLflow; the only package that imports MLflow."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
