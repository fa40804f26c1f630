"""Distillation as a plug-in of training: a speech embedding, its corpus, a teacher, the task."""
