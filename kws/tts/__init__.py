"""Text to speech: synthesisers and their voices, utterances, confusable phrases, pronunciation."""
