"""Training of a keyword model: the one room that needs TensorFlow."""

import os

import kws.ds_cnn  # noqa: F401  once TensorFlow is loaded, the tflite runtime cannot be any more
from kws.training.quiet import quiet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # of TensorFlow's own log: fatal errors alone
with quiet(os.devnull):  # what it says before it reads that
    import tensorflow  # noqa: F401
