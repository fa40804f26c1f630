"""Guided recording: takes of a keyword, of the room and of other speech, judged as they come."""
