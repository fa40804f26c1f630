"""The C engine's side of a model: read a .tflite, plan its layers and memory, run it natively."""
