"""Distil a speech embedding and a teacher into the network, or a model, as a plug-in of training.

embedding computes Google's speech embedding, corpus builds speech with embeddings from the
recordings and from spliced_speech, teacher trains a keyword head on the embeddings, and task gives
the trainer inputs, heads and a loss. teacher_model makes a model file the teacher, and model_task
gives the trainer the loss. Nothing below the pipeline imports this package.
"""
