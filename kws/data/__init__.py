"""Recordings on disk: datasets, their splits, and how they are read."""
