"""Training of a keyword model: the one room that needs TensorFlow."""

import kws.ds_cnn  # noqa: F401  once TensorFlow is loaded, the tflite runtime cannot be any more
