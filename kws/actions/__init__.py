"""Actions that a detection triggers: their kinds, the configuration file, time limits."""
