"""Read audio: sound cards, audio files, raw streams, a board by Bluetooth; resample to 16 kHz.

devices lists sound cards (kws.microphone records from one), audio_file and raw_stream are the other
sources, resampler converts their sample rates, ble receives the detections of a board.
keep and kept_files keep the audio around detections; encode makes the content of a file.
"""
