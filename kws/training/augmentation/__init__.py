"""Augmentation of training examples: waveforms, acoustic scenes, synthetic noise, spectrograms."""
