"""Sweeps: spaces, samplers, slots of a budget, studies of Optuna and Keras-Tuner, workers."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
