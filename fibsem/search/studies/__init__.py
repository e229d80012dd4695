"""Studies: slots of a budget, stored by Optuna or Keras-Tuner, and their owners."""
