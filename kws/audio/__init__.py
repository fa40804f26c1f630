"""Audio in: sound cards, audio files, raw streams, a board over Bluetooth; resampling to 16 kHz."""
