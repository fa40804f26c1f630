"""Training of a keyword model: the one room that needs TensorFlow."""
