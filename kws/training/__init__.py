"""Train keyword models; the one package that needs TensorFlow.

plan decides what to train by a recipe (recipe, recipe_file); pipeline does it: prepare makes the
examples, cross_validation trains in worker processes, calibration sets thresholds, results reports.
training_run trains one network. Packages: augmentation, and distillation as a plug-in.
"""

import kws.ds_cnn  # noqa: F401  once TensorFlow is loaded, the tflite runtime cannot be any more
