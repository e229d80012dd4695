"""Sweeps: spaces, samplers, slots of a budget, studies of Optuna and Keras-Tuner, workers."""
