"""Recordings: datasets and their splits, how they are read, and where more come from."""
