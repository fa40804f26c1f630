"""How well a model does on recordings: miss rates against false alarms per hour."""
