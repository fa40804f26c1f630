"""Format what the commands show.

live_display: level, scores and detections on a terminal; detection_lines: a detection per line,
as text or JSON; model_info: the settings and the cost of a model; html_page: the frame of reports;
error_lines: what ends a command, as one line and an exit status; interrupts: what Ctrl-C does.
"""
