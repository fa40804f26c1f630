"""Training of a keyword model: the one room that needs TensorFlow."""

import kws.ds_cnn  # noqa: F401  its runtime crashes the interpreter where TensorFlow comes first
