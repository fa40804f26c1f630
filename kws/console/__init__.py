"""What the command line shows: live display, detection lines, model information, HTML frame."""
