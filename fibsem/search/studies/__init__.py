"""Studies: slots of a budget, kept by Optuna or Keras-Tuner, and who runs them."""
