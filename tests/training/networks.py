"""Networks as trainings make them."""

from fibsem.training.steps.learner import compiled_for_steps


def network_of(config):
    """The network of a configuration, compiled for its steps."""
    return compiled_for_steps(config.spec, config.train.updates, config.train.learning_rate)
