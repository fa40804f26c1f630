"""Augment training examples: waveforms, acoustic scenes, synthetic noise, log mel spectrograms."""
