"""Synthesise speech for training: keywords, confusable phrases and sentences by many voices.

utterances speaks texts into files; synthesisers runs espeak-ng, flite, festival and Piper, kokoro
a neural network; confusable_phrases finds phrases that sound like a keyword, by pronunciation.
"""
